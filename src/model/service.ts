// A service of the mesh: a name, its ports, and the endpoints behind them.
import type { Origin } from '#base/origin.ts';
import type { Protocol } from '#model/protocol.ts';
import type { Visibility } from '#model/visibility.ts';

export type Service = {
  /** `hello.default.svc.cluster.local`. */
  readonly hostname: string;
  readonly name: string;
  readonly namespace: string;
  /** The virtual addresses (ClusterIP); empty for a headless service. */
  readonly addresses: readonly string[];
  readonly headless: boolean;
  readonly resolution: Resolution;
  readonly registry: 'kubernetes' | 'service-entry';
  /** Outside the mesh (ServiceEntry MESH_EXTERNAL): no mutual TLS by default, no telemetry of its own. */
  readonly external: boolean;
  /** ExternalName: the host name that this one stands for. */
  readonly alias?: string;
  readonly ports: readonly ServicePort[];
  /** The selector, where the service has one; used to explain why there is no endpoint. */
  readonly selector?: Readonly<Record<string, string>>;
  /** Gateways behind it open the ports that Gateways name, not their target ports (label `experimental.istio.io/disable-gateway-port-translation`). */
  readonly keepsGatewayPorts?: boolean;
  /** Kubernetes' spec.trafficDistribution (PreferClose is prefer-same-zone), or Istio's annotation for it. */
  readonly trafficDistribution?: 'prefer-same-zone' | 'prefer-same-node';
  readonly endpoints: readonly Endpoint[];
  readonly visibility: Visibility;
  /** Where two services claim one address and port the older one has it. Undefined counts as the oldest. */
  readonly createdMs?: number;
  readonly origin: Origin;
};

/**
 * Where the proxy gets addresses from: told by the control plane (EDS); asked of DNS, all answers or one at a time; asked of DNS for the host
 * of each request; or none, it goes where the client meant to go.
 */
export type Resolution = 'endpoints' | 'dns' | 'dns-round-robin' | 'dynamic-dns' | 'none';

export type ServicePort = {
  readonly name: string;
  readonly number: number;
  readonly protocol: Protocol;
  /** The port of the container, by number or by the container port's name. */
  readonly targetPort: number | string;
  readonly origin: Origin;
};

/** One address that serves one port of one service. */
export type Endpoint = {
  /** An IP address; a host name where the service resolves by DNS; or `unix:///path`, with port 0. */
  readonly address: string;
  readonly port: number;
  /** The service port's name and number that this endpoint serves. */
  readonly servicePort: string;
  readonly servicePortNumber: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly health: 'ready' | 'draining' | 'unready';
  /** `namespace/name` of the pod behind it, where known. */
  readonly workload?: string;
  /** Share of the traffic among endpoints of one locality; 1 unless set. */
  readonly weight?: number;
  readonly network?: string;
  readonly serviceAccount?: string;
  readonly locality?: { readonly region: string; readonly zone: string; readonly subZone: string };
  readonly origin: Origin;
};
