// The seam between pods and the network they are in: on one loopback address with chosen ports, or each in a network namespace of its own.
// Supervisor and pods work with either; whatever differs is asked of it.
import type { AnyResource } from '#api/kinds.ts';
import type { Container } from '#api/kubernetes/container.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Result } from '#base/result.ts';
import type { CalledHost } from '#runtime/called-host.ts';
import type { ProcessSpec } from '#runtime/child-process.ts';
import type { NetworkKind } from '#runtime/network-kind.ts';
import type { PodPlan } from '#runtime/pod-plan.ts';
import type { PodPorts } from '#runtime/port-plan.ts';

/** Disposing of it takes down what it made, once all pods have ended. */
export type MeshNetwork = AsyncDisposable & {
  readonly kind: NetworkKind;
  /** This machine as pods see it: the control plane listens here, probes come from here. */
  readonly nodeAddress: string;
  /**
   * Makes the place of one run of a pod. `calls`: what its app may call; `fixed`: ports of this machine that the user asked for, by container
   * port. The diagnostic says what this machine did not give, and what to do.
   */
  readonly attach: (plan: PodPlan, calls: readonly CalledHost[], fixed: Readonly<Record<string, number>>) => Promise<Result<PodNetwork, Diagnostic>>;
  /** Takes all Services and EndpointSlices after each change, for pods that reach services without a proxy. */
  readonly serve: (resources: readonly AnyResource[]) => void;
};

/** All of a pod's addresses, that of IPv4 first. */
export function podAddresses({ ports, ipv6Address }: Pick<PodNetwork, 'ports' | 'ipv6Address'>): readonly string[] {
  return ipv6Address === undefined ? [ports.address] : [ports.address, ipv6Address];
}

/** Where an application sends what is for a port of a service. */
export type Reach = { readonly address: string; readonly port: number };

/** Where one run of a pod lives, from before its first process to after its last. */
export type PodNetwork = {
  readonly kind: NetworkKind;
  readonly ports: PodPorts;
  readonly nodeAddress: string;
  /** Whether the pod has a proxy: in a namespace of its own it may do without. */
  readonly hasProxy: boolean;
  /** Whether applications must be told where to listen, because it is not on their container ports. */
  readonly choosesPorts: boolean;
  /** Undefined where the application of this pod has no address for it. */
  readonly reach: (hostname: string, port: number) => Reach | undefined;
  /** The pod's address of IPv6, beside `ports.address`; undefined where it has none. */
  readonly ipv6Address?: string;
  /** What the proxy binds its own connections to, one of each family, so that they are not captured again; undefined where nothing is captured. */
  readonly proxyAddresses?: readonly string[];
  /** What connects to `ports.address` from this address reaches the pod's own 127.0.0.1; undefined where that is this machine's. */
  readonly insideAddress?: string;
  /** The way into the namespace of its network, for who makes sockets there from outside; undefined where it has none of its own. */
  readonly namespace?: string;
  /** Listening sockets of the host, by container port: a gateway's way in. */
  readonly hostSockets: Readonly<Record<string, HostSocket>>;
  /** Where somebody outside reaches the pod, by container port: `127.0.0.1:8080`. Empty where nobody outside can. */
  readonly hostAddresses: Readonly<Record<string, string>>;
  /** The same process, in the pod; of an application, as whom its container says. */
  readonly enter: (spec: ProcessSpec, who: 'application' | 'proxy', container?: Container) => ProcessSpec;
  /** After the last process has ended. */
  readonly detach: () => Promise<void>;
};

/** Opens listening sockets on the host's 127.0.0.1, where the process that asks has a network of its own. */
export type HostSockets = {
  /** `port` 0: any free one. The diagnostic says who has it. */
  readonly listen: (port: number) => Promise<Result<HostSocket, Diagnostic>>;
};

/** Listens already; whoever has the descriptor may accept. `handle`: Node's own object of it, which can be sent to another process. */
export type HostSocket = { readonly fd: number; readonly handle: object; readonly port: number; readonly close: () => void };
