// Networks: what cannot be reached from elsewhere but through a gateway. Which network an address is in, and which gateways lead there.
import type { IpRange } from '#base/cidr.ts';
import type { Origin } from '#base/origin.ts';

/** What is written about networks: MeshNetworks, and the label of the root namespace. */
export type NetworkPlan = {
  /** Of all workloads that say nothing themselves: the label `topology.istio.io/network` of the root namespace. */
  readonly ofNamespace?: string;
  /** Likewise, where that says nothing: `endpoints.fromRegistry` of this cluster. */
  readonly ofCluster?: string;
  /** `endpoints.fromCidr`, the largest first. */
  readonly blocks: readonly { readonly range: IpRange; readonly network: string }[];
  readonly gateways: readonly WrittenGateway[];
};

/** By an address of its own, or by a Service of this cluster. */
export type WrittenGateway = { readonly network: string; readonly port: number; readonly origin: Origin } & (
  | { readonly address: string }
  | { readonly service: string }
);

/** Where mutual TLS for a network's workloads is sent: an IP address and a port. */
export type NetworkGateway = { readonly address: string; readonly port: number };

export type Networks = {
  /** By network, each in the order of their addresses; networks without gateways are not in it. */
  readonly gateways: ReadonlyMap<string, readonly NetworkGateway[]>;
  /** Equal for equal gateways. */
  readonly key: string;
};
