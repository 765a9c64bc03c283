// A filter chain of a gateway before it is one: which connections it is for, what it does with them, and who wants it.
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Origin } from '#base/origin.ts';
import type { ConnectionContext } from '#compile/connection-rule.ts';
import type { BoundServer } from '#compile/gateway-server.ts';
import type { CredentialScope } from '#compile/gateway-tls.ts';
import type { Scope } from '#compile/scope.ts';
import type { TcpTarget } from '#compile/tcp-proxy.ts';
import type { Unit } from '#compile/unit.ts';
import type { TransportSocket } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import type { Protocol } from '#model/protocol.ts';

export type ChainPlan = {
  /** Names that the client may ask for; `*` for any; empty where nobody asks. */
  readonly serverNames: readonly string[];
  /** ALPN names of which the client must offer one; empty: any. */
  readonly applicationProtocols: readonly string[];
  /** Ends TLS; undefined: bytes, encrypted or not, are passed on as they are. */
  readonly transportSocket?: TransportSocket;
  /** What the proxy will ask for because of the socket. */
  readonly secrets?: readonly Unit[];
  readonly content: ChainContent;
  /** Whose chain it is, for the diagnostic where it cannot be. */
  readonly owner: ChainOwner;
};

export type ChainContent =
  | { readonly kind: 'http'; readonly routeName: string; readonly protocol: Protocol; readonly statPrefix?: string }
  | { readonly kind: 'bytes'; readonly target: TcpTarget }
  /** The connections are ended at once, so that they do not fall to a wider server of the port that asks for less. */
  | { readonly kind: 'closed' };

export type ChainOwner = { readonly title: string; readonly origin: Origin };

export type ChainPlans = { readonly plans: readonly ChainPlan[]; readonly diagnostics: readonly Diagnostic[] };

/** What chains are made with, the same for all servers of a proxy. */
export type ChainContext = {
  readonly scope: Scope;
  readonly client: ConnectionContext['client'];
  readonly credentials: CredentialScope;
};

/** A server as the owner of its chain. */
export function ownerOf({ gateway, server }: BoundServer): ChainOwner {
  return { title: `port ${server.port.number} of Gateway ${gateway.namespace}/${gateway.name}`, origin: server.origin };
}
