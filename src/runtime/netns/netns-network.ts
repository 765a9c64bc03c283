// The network in which each pod has namespaces, an address and a localhost of its own. In: the means that this machine gives, in a process that
// is the node of the mesh (started by `outerCommand`). Out: a MeshNetwork.
import type { Diagnostic } from '#base/diagnostic.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { CalledHost } from '#runtime/called-host.ts';
import { hasProxy } from '#runtime/injection.ts';
import { AddressBook } from '#runtime/netns/address-book.ts';
import { type AddressPlan, addressPlan, type FamilyPlan } from '#runtime/netns/address-plan.ts';
import type { NetnsMeans } from '#runtime/netns/availability.ts';
import { type CapturePlaces, captureRules, gatewayRules, plainRules } from '#runtime/netns/capture-rules.ts';
import { captureSettings } from '#runtime/netns/capture-settings.ts';
import { askedIdentity, enterPod, type Identity } from '#runtime/netns/enter.ts';
import { openHostPorts } from '#runtime/netns/host-ports.ts';
import { cableAddress, makeNodeNetwork, plugInto, unplug } from '#runtime/netns/node-network.ts';
import { iptablesText, nftText } from '#runtime/netns/packet-rule.ts';
import { type Pause, type PauseSettings, type RunFolder, startPause } from '#runtime/netns/pause.ts';
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
    this.#services = new ServiceTable({ programs: means.programs, addresses, egressPort, onProblem });
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
    const network = podRules(plan, places, means);
    if (!network.ok) return network;
    const ways = await openHostPorts(plan, fixed, hostSockets);
    if (!ways.ok) return ways;
    const pause = await startPause(
      {
        programs: means.programs,
        files: podFiles(
          plan.pod,
          familiesOf(places).map(({ podAddress }) => podAddress),
          this.nodeAddress,
          domain,
        ),
        ...network.value,
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
    places: PodPlaces,
    pause: Pause,
  ): Omit<PodNetwork, 'detach' | 'hostSockets' | 'hostAddresses'> {
    const { means, user } = this.#options;
    const isInjected = hasProxy(plan);
    return {
      kind: 'netns',
      ports: {
        address: places.ipv4.podAddress,
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
      ...(places.ipv6 !== undefined && { ipv6Address: places.ipv6.podAddress }),
      ...(isInjected && { proxyAddresses: familiesOf(places).map(({ proxyAddress }) => proxyAddress) }),
      insideAddress: this.#addresses.insideAddress,
      namespace: pause.namespaces.net,
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

  #places(index: number): PodPlaces {
    const { insideAddress, ipv6 } = this.#addresses;
    const knowsProxyUser = this.#options.means.isRoot;
    const ofFamily = ({ nodeAddress, podAddress, proxyAddress }: FamilyPlan): CapturePlaces => ({
      nodeAddress,
      podAddress: podAddress(index),
      proxyAddress: proxyAddress(index),
      knowsProxyUser,
    });
    return { ipv4: { ...ofFamily(this.#addresses), insideAddress }, ...(ipv6 !== undefined && { ipv6: ofFamily(ipv6) }) };
  }

  #noPlace({ key, pod }: PodPlan, reason: string): Diagnostic {
    const hint = 'the pod is tried again every few seconds; with --network loopback it needs no place of its own';
    return { code: 'HDL0412', severity: 'error', message: `pod ${key} gets no network of its own: ${reason}`, hint, at: pod.origins.start };
  }
}

/** Of one pod, in each family that it has. */
type PodPlaces = { readonly ipv4: CapturePlaces; readonly ipv6?: CapturePlaces };

function familiesOf({ ipv4, ipv6 }: PodPlaces): readonly CapturePlaces[] {
  return ipv6 === undefined ? [ipv4] : [ipv4, ipv6];
}

/** A pod's addresses, and its rules as its program takes them. */
function podRules(
  plan: PodPlan,
  { ipv4, ipv6 }: PodPlaces,
  { programs }: NetnsMeans,
): Result<Pick<PauseSettings, 'addresses' | 'ipv6' | 'rules' | 'ipv6Rules'>, Diagnostic> {
  const settings = captureSettings(plan.pod.metadata.annotations, plan.pod.origins);
  const needsSettings = !plan.isGateway && hasProxy(plan);
  if (needsSettings && !settings.ok) return settings;
  const rulesOf = (places: CapturePlaces) => {
    if (plan.isGateway) return gatewayRules(places);
    return needsSettings && settings.ok ? captureRules(places, settings.value) : plainRules(places);
  };
  const addresses = { pod: ipv4.podAddress, proxy: ipv4.proxyAddress, node: ipv4.nodeAddress };
  const [first, second] = [rulesOf(ipv4), ipv6 === undefined ? undefined : rulesOf(ipv6)];
  const isNft = programs.rules.kind === 'nft';
  if (ipv6 === undefined || second === undefined) return ok({ addresses, rules: isNft ? nftText(first) : iptablesText(first) });
  return ok({
    addresses,
    ipv6: { pod: ipv6.podAddress, proxy: ipv6.proxyAddress, node: cableAddress },
    ...(isNft ? { rules: nftText(first) + nftText(second, 'ip6') } : { rules: iptablesText(first), ipv6Rules: iptablesText(second) }),
  });
}
