// A workload instance: one pod, or what a WorkloadEntry describes, as the mesh sees it.
import type { Origin } from '#base/origin.ts';
import type { GatewayTopology } from '#model/gateway-topology.ts';
import type { Locality } from '#model/locality.ts';
import type { ProxyTraffic } from '#model/proxy-traffic.ts';

export type Workload = {
  /** Absent: a pod. */
  readonly kind?: 'workload-entry';
  readonly name: string;
  readonly namespace: string;
  /** The Deployment or the like that made the pod: the workload's name in telemetry. Absent for pods written by hand. */
  readonly controller?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  /**
   * The pod's address; a placeholder (10.244.0.0/16) where the pod does not run anywhere yet. A WorkloadEntry's address may also be a host
   * name or `unix:///path`, or empty.
   */
  readonly address: string;
  /** Further addresses of a pod, of the other IP family. */
  readonly otherAddresses?: readonly string[];
  readonly ports: readonly { readonly name: string; readonly number: number }[];
  readonly ready: boolean;
  /** From labels, or from the node of a pod. */
  readonly locality?: Locality;
  /** Of a pod that has a name of its own below the headless service `subdomain`: spec.hostname (else its name) and spec.subdomain. */
  readonly podHost?: { readonly hostname: string; readonly subdomain: string };
  /** The Kubernetes node of a pod. */
  readonly node?: string;
  readonly network?: string;
  /** A WorkloadEntry's share of the traffic; 1 unless set. */
  readonly weight?: number;
  /** Of pods that run as local processes: container port → the port where its proxy listens. */
  readonly localPorts?: Readonly<Record<string, number>>;
  /** For a gateway: what stands in front of it, as its own annotation says. */
  readonly gatewayTopology?: GatewayTopology;
  /** What its annotation says about headers and connections of its proxy. */
  readonly proxyTraffic?: ProxyTraffic;
  readonly origin: Origin;
};
