// A Gateway: which proxies (by selector) open which ports for which hosts.
import type { Origin } from '#base/origin.ts';

export type Gateway = {
  readonly name: string;
  readonly namespace: string;
  readonly selector: Readonly<Record<string, string>>;
  readonly servers: readonly GatewayServer[];
  readonly origin: Origin;
};

export type GatewayServer = {
  readonly port: { readonly number: number; readonly name: string; readonly protocol: string };
  /** `namespace` is `*` (any), `.` resolved to the Gateway's own, or a name: whose VirtualServices may bind the host. */
  readonly hosts: readonly { readonly namespace: string; readonly host: string }[];
  readonly origin: Origin;
};
