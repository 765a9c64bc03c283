// One proxy that asks for its configuration: who it is, and how traffic reaches it.
import type { ProxyTraffic } from '#model/proxy-traffic.ts';

export type Proxy = {
  readonly type: 'sidecar' | 'router';
  /** `hello-v1-0`; with the namespace, the pod it serves. */
  readonly name: string;
  readonly namespace: string;
  /** Node id as on the wire: `sidecar~ip~pod.ns~ns.svc.cluster.local`. */
  readonly nodeId: string;
  readonly addresses: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** `default.svc.cluster.local`. */
  readonly dnsDomain: string;
  readonly interception: Interception;
  /** Node metadata SERVICE_ACCOUNT. */
  readonly serviceAccount?: string;
  /**
   * HEDDLE_IDENTITY `none`: nobody gives it a certificate of the mesh. Then nothing that needs one is opened or called, and what is PERMISSIVE is
   * plaintext. Taken for granted of who comes without TLS and says nothing else. Undefined: it asks for its certificate under
   * the names of Istio's agent, as every proxy beside an agent does.
   */
  readonly withoutIdentity?: true;
  /**
   * No Secret is for it: it is not known to be one of the workloads that they are for (model/workload-claim.ts), or came without TLS
   * (HEDDLE_SECRETS `none`).
   */
  readonly withoutSecrets?: true;
  /** What the node says of itself in text, such as ISTIO_VERSION. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Where it runs: the locality of its xDS node. */
  readonly locality?: { readonly region: string; readonly zone: string; readonly subZone: string };
  /** Istio's DNS_CAPTURE: the app's DNS questions come to the proxy, so that services without an address are reached by automatic ones. */
  readonly capturesDns?: boolean;
  /** What it says of its own ProxyConfig (metadata PROXY_CONFIG), where nobody wrote it down. */
  readonly traffic?: ProxyTraffic;
  /** HEDDLE_EXPLAIN_FAILURES: local replies name the route, cluster and configuration that failed. */
  readonly explainFailures: boolean;
};

/** Istio's INTERCEPTION_MODE, and what the mode needs. */
export type Interception =
  /** Traffic is redirected to 15001 and 15006; listeners for service ports are not bound. */
  | { readonly kind: 'redirect' }
  /** Nothing is captured, on a machine of the workload's own: listeners bind the ports that they are for, and nobody comes in but where a Sidecar says. */
  | { readonly kind: 'bound' }
  /** Nothing is captured: the proxy binds a port of its own for each thing it serves (loopback mode of `heddle up`). */
  | ({ readonly kind: 'none' } & LoopbackPorts);

/** Carried in node metadata as `HEDDLE_LOOPBACK`, so that the control plane compiles for whoever connects and keeps no state. */
export type LoopbackPorts = {
  /** The address all of the proxy's listeners bind, `127.0.0.1`. */
  readonly address: string;
  /** What listeners for others bind instead, where the workload has an address of its own to which nobody else's connections come. */
  readonly inboundAddress?: string;
  /** Container port → where the proxy listens for it, and (sidecars) where the app listens. */
  readonly inbound: Readonly<Record<string, { readonly listen: number; readonly app?: number }>>;
  /** `hostname:port` of a service → where the sidecar listens for the app's calls to it. */
  readonly outbound: Readonly<Record<string, number>>;
  /** Istio's proxyHttpPort: where the sidecar listens as an HTTP proxy. */
  readonly httpProxy?: number;
};

/** The addresses at which nobody but this proxy is: none where all workloads of a machine are on one. */
export function ownAddresses({ addresses, interception }: Pick<Proxy, 'addresses' | 'interception'>): readonly string[] {
  return interception.kind === 'none' && interception.inboundAddress === undefined ? [] : addresses;
}
