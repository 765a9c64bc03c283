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
  readonly name?: string;
  /** The address to listen on instead of all. */
  readonly bind?: string;
  readonly tls?: ServerTls;
  readonly port: { readonly number: number; readonly name: string; readonly protocol: string };
  /** `namespace` is `*` (any), `.` resolved to the Gateway's own, or a name: whose VirtualServices may bind the host. */
  readonly hosts: readonly { readonly namespace: string; readonly host: string }[];
  readonly origin: Origin;
};

/** What a server does with TLS. Certificates stay names here; whoever opens the port looks them up. */
export type ServerTls = {
  readonly mode: 'passthrough' | 'simple' | 'mutual' | 'auto-passthrough' | 'istio-mutual' | 'optional-mutual';
  /** Plain HTTP is answered with 301 to https. */
  readonly httpsRedirect: boolean;
  readonly credentialName?: string;
};
