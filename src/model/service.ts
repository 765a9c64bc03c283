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
  readonly ports: readonly ServicePort[];
  /** The selector, where the service has one; used to explain why there is no endpoint. */
  readonly selector?: Readonly<Record<string, string>>;
  readonly endpoints: readonly Endpoint[];
  readonly visibility: Visibility;
  readonly origin: Origin;
};

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
  readonly address: string;
  readonly port: number;
  /** The service port's name and number that this endpoint serves. */
  readonly servicePort: string;
  readonly servicePortNumber: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly health: 'ready' | 'draining' | 'unready';
  /** `namespace/name` of the pod behind it, where known. */
  readonly workload?: string;
  readonly locality?: { readonly region: string; readonly zone: string; readonly subZone: string };
  readonly origin: Origin;
};
