// The network in which each pod has namespaces, an address and a localhost of its own. In: the means that this machine gives, in a process that
// is the node of the mesh (started by `outerCommand`). Out: a MeshNetwork.
import type { Diagnostic } from '#base/diagnostic.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { CalledHost } from '#runtime/called-host.ts';
import { AddressBook } from '#runtime/netns/address-book.ts';
import { type AddressPlan, addressPlan } from '#runtime/netns/address-plan.ts';
import type { NetnsMeans } from '#runtime/netns/availability.ts';
import { type CapturePlaces, captureRules, gatewayRules, plainRules } from '#runtime/netns/capture-rules.ts';
import { captureSettings } from '#runtime/netns/capture-settings.ts';
import { askedIdentity, enterPod, type Identity } from '#runtime/netns/enter.ts';
import { openHostPorts } from '#runtime/netns/host-ports.ts';
import { makeNodeNetwork, plugInto, unplug } from '#runtime/netns/node-network.ts';
import { iptablesText, nftText, type PacketRule } from '#runtime/netns/packet-rule.ts';
import { type Pause, type RunFolder, startPause } from '#runtime/netns/pause.ts';
import { podFiles } from '#runtime/netns/pod-files.ts';
import { readRunFolder } from '#runtime/netns/run-folder.ts';
import { ServiceTable } from '#runtime/netns/service-table.ts';
import type { HostSockets, MeshNetwork, PodNetwork } from '#runtime/network.ts';
import type { PodPlan } from '#runtime/pod-plan.ts';

export type OuterNetworkOptions = {
  /** What `canNetns` found out in the host's namespaces. */
  readonly means: NetnsMeans;
  /** Opens the ways in of gateways. */
  readonly hostSockets: HostSockets;
  readonly domain: string;
  /** Who applications run as where nobody else is asked for, and this user is not root. */
  readonly user: Identity;
  /** A port on the node that takes what is for the real network (its original destination: SO_ORIGINAL_DST); undefined: it is refused at once. */
  readonly egressPort?: number | undefined;
  /** Folders that are there, and that applications see empty: keys and tokens. */
  readonly hidden: readonly string[];
  /** Takes what went wrong with rules for Services, which nobody waits for. */
  readonly onProblem: (problem: Diagnostic) => void;
};

/** Makes the node's network in the namespaces that this process is in; those must be its own. */
export async function openOuterNetwork(options: OuterNetworkOptions): Promise<Result<MeshNetwork, Diagnostic>> {
  const addresses = addressPlan(options.means.cidr);
  if (!addresses.ok) return failed({ code: 'HDL0411', severity: 'error', message: addresses.error });
  const made = await makeNodeNetwork(options.means.programs, addresses.value);
  if (!made.ok) return failed({ code: 'HDL0410', severity: 'error', message: `the network between pods cannot be made: ${made.error}` });
  return ok(new NetnsNetwork(options, addresses.value));
}

class NetnsNetwork implements MeshNetwork {
  readonly kind = 'netns';
  readonly nodeAddress: string;
  readonly #options: OuterNetworkOptions;
  readonly #addresses: AddressPlan;
  readonly #book: AddressBook;
  readonly #run: RunFolder = readRunFolder();
  readonly #services: ServiceTable;
  readonly #pods = new Set<PodNetwork>();

  constructor(options: OuterNetworkOptions, addresses: AddressPlan) {
    this.#options = options;
    this.#addresses = addresses;
    this.nodeAddress = addresses.nodeAddress;
    this.#book = new AddressBook(addresses.podCount);
    const { egressPort, means, onProblem } = options;
    const egress = egressPort === undefined ? undefined : { cidr: addresses.cidr, port: egressPort };
    this.#services = new ServiceTable({ programs: means.programs, nodeAddress: addresses.nodeAddress, egress, onProblem });
  }

  async attach(plan: PodPlan, calls: readonly CalledHost[], fixed: Readonly<Record<string, number>>): Promise<Result<PodNetwork, Diagnostic>> {
    const index = this.#book.take();
    if (index === undefined) return failed(this.#noPlace(plan, `all ${this.#addresses.podCount} addresses of ${this.#addresses.cidr} are taken`));
    const made = await this.#make(plan, calls, fixed, index);
    if (!made.ok) this.#book.giveBack(index);
    return made;
  }

  serve(resources: Parameters<MeshNetwork['serve']>[0]): void {
    this.#services.take(resources);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#pods].map((pod) => pod.detach()));
    await this.#services.settled();
  }

  async #make(
    plan: PodPlan,
    calls: readonly CalledHost[],
    fixed: Readonly<Record<string, number>>,
    index: number,
  ): Promise<Result<PodNetwork, Diagnostic>> {
    const { means, domain, hostSockets, hidden } = this.#options;
    const places = this.#places(index);
    const rules = podRules(plan, places);
    if (!rules.ok) return rules;
    const ways = await openHostPorts(plan, fixed, hostSockets);
    if (!ways.ok) return ways;
    const pause = await startPause(
      {
        programs: means.programs,
        files: podFiles(plan.pod, places.podAddress, places.nodeAddress, domain),
        addresses: { pod: places.podAddress, proxy: places.proxyAddress, node: places.nodeAddress },
        rules: means.programs.rules.kind === 'nft' ? nftText(rules.value) : iptablesText(rules.value),
        run: this.#run,
        hidden,
      },
      plugInto(means.programs, index, this.#addresses),
    );
    if (!pause.ok) {
      ways.value.close();
      return failed(this.#noPlace(plan, pause.error));
    }
    const { close, ...host } = ways.value;
    const pod: PodNetwork = {
      ...this.#podNetwork(plan, calls, places, pause.value),
      ...host,
      detach: async () => {
        if (!this.#pods.delete(pod)) return;
        close();
        await unplug(means.programs, index);
        await pause.value.end();
        this.#book.giveBack(index);
      },
    };
    this.#pods.add(pod);
    return ok(pod);
  }

  #podNetwork(
    plan: PodPlan,
    calls: readonly CalledHost[],
    places: CapturePlaces,
    pause: Pause,
  ): Omit<PodNetwork, 'detach' | 'hostSockets' | 'hostAddresses'> {
    const { means, user } = this.#options;
    const isInjected = hasProxy(plan);
    return {
      kind: 'netns',
      ports: {
        address: places.podAddress,
        inbound: Object.fromEntries(plan.inbound.map((port) => [port, plan.isGateway ? { listen: port } : { listen: port, app: port }])),
        outbound: {},
      },
      nodeAddress: this.nodeAddress,
      hasProxy: isInjected,
      choosesPorts: false,
      reach: (hostname, port) => {
        const address = calls.find((one) => one.hostname === hostname)?.address;
        return address === undefined ? undefined : { address, port };
      },
      ...(isInjected && { proxyAddress: places.proxyAddress }),
      insideAddress: places.insideAddress,
      enter: (spec, who, container) => {
        if (who === 'proxy') return enterPod(spec, pause.namespaces, means, { who });
        const asked = askedIdentity(plan.pod, container);
        // As on Kubernetes, root is root where nobody else is asked for.
        const isAnyone = means.isRoot && asked.uid === undefined && asked.gid === undefined;
        const fallback = means.isRoot ? { uid: 0, gid: 0 } : user;
        return enterPod(spec, pause.namespaces, means, { who, as: isAnyone ? undefined : { ...fallback, ...asked } });
      },
    };
  }

  #places(index: number): CapturePlaces {
    const { nodeAddress, insideAddress, podAddress, proxyAddress } = this.#addresses;
    const knowsProxyUser = this.#options.means.isRoot;
    return { nodeAddress, insideAddress, podAddress: podAddress(index), proxyAddress: proxyAddress(index), knowsProxyUser };
  }

  #noPlace({ key, pod }: PodPlan, reason: string): Diagnostic {
    const hint = 'the pod is tried again every few seconds; with --network loopback it needs no place of its own';
    return { code: 'HDL0412', severity: 'error', message: `pod ${key} gets no network of its own: ${reason}`, hint, at: pod.origins.start };
  }
}

const injection = 'sidecar.istio.io/inject';

/** Istio: the label, and where there is none the annotation, `sidecar.istio.io/inject: "false"` refuses a sidecar. A gateway is nothing else. */
export function hasProxy({ isGateway, pod: { metadata } }: Pick<PodPlan, 'isGateway' | 'pod'>): boolean {
  return isGateway || (metadata.labels[injection] ?? metadata.annotations[injection]) !== 'false';
}

function podRules(plan: PodPlan, places: CapturePlaces): Result<readonly PacketRule[], Diagnostic> {
  if (plan.isGateway) return ok(gatewayRules(places));
  if (!hasProxy(plan)) return ok(plainRules(places));
  const settings = captureSettings(plan.pod.metadata.annotations, plan.pod.origins);
  return settings.ok ? ok(captureRules(places, settings.value)) : settings;
}
