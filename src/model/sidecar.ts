// A Sidecar: what the proxies of a namespace, or of some of its workloads, see of the mesh, and which ports they open for their app.
import type { Origin } from '#base/origin.ts';
import type { ConnectionPool } from '#model/destination-rule.ts';
import type { ServerTls } from '#model/gateway.ts';
import type { HostReference } from '#model/host-reference.ts';
import type { Protocol } from '#model/protocol.ts';

export type Sidecar = {
  readonly name: string;
  readonly namespace: string;
  /** Undefined: for the whole namespace, or in the root namespace for all namespaces that have none. */
  readonly workloadSelector?: Readonly<Record<string, string>>;
  /** In order; empty means one that takes everything. Only the last may be without a port. */
  readonly egress: readonly EgressListener[];
  /** Empty: the ports of the services that select the workload. */
  readonly ingress: readonly IngressListener[];
  /** Undefined: as the mesh's settings say. */
  readonly outboundTrafficPolicy?: OutboundPolicy;
  /** For the connections to the app. */
  readonly inboundConnectionPool?: ConnectionPool;
  readonly origin: Origin;
};

export type OutboundMode = 'ALLOW_ANY' | 'ALLOW_ANY_DYNAMIC_DNS' | 'REGISTRY_ONLY';

/** What happens to connections to hosts that are not known. */
export type OutboundPolicy = {
  /** `ALLOW_ANY_DYNAMIC_DNS`: requests go to where DNS says that their host is; other connections as with `ALLOW_ANY`. */
  readonly mode: OutboundMode;
  /** Where they go instead of to where the app meant. */
  readonly egressProxy?: { readonly host: HostReference; readonly subset?: string; readonly port: number };
};

/** `none`: a port of its own that is really opened. `default` is what the proxy does anyway. */
export type CaptureMode = 'default' | 'iptables' | 'none';

/** `httpProxy`: requests to the port carry absolute URLs. */
export type SidecarPort = { readonly number: number; readonly name: string; readonly protocol: Protocol; readonly httpProxy: boolean };

export type EgressListener = {
  /** Undefined: all ports of the services that are in. */
  readonly port?: SidecarPort;
  readonly bind?: string;
  readonly captureMode: CaptureMode;
  readonly hosts: readonly EgressHost[];
  readonly origin: Origin;
};

/** `namespace` is a name, `.` for the proxy's own, or `*`; `host` a name, or one with a wildcard in front, in lower case. */
export type EgressHost = { readonly namespace: string; readonly host: string; readonly excluded: boolean };

export type IngressListener = {
  readonly port: SidecarPort;
  readonly bind?: string;
  readonly captureMode: CaptureMode;
  /** Undefined: to where the connection was made. */
  readonly defaultEndpoint?: AppEndpoint;
  readonly connectionPool?: ConnectionPool;
  /** How the port ends TLS of its own, where no mutual TLS of the mesh is taken (PeerAuthentication DISABLE). */
  readonly tls?: ServerTls;
  readonly origin: Origin;
};

/** `instance` is the address of the pod itself, as written `0.0.0.0` or `[::]`. */
export type AppEndpoint =
  | { readonly kind: 'localhost' | 'instance'; readonly family: 4 | 6; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };
