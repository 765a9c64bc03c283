// Who asks for what, in words for the log of denials: no query, no header, nothing that could be a secret.
import { pathOnly } from '#decide/path-condition.ts';
import type { ConnectionFacts } from '#telemetry/access-record.ts';

type Asked = { readonly method: string; readonly authority: string; readonly path: string };

type Caller = Pick<ConnectionFacts, 'directRemoteAddress' | 'peerUriSans'>;

/** `GET shop.example.com/tea from 127.0.0.1:40112 (spiffe://cluster.local/ns/default/sa/cart)` */
export function describeAsker({ method, authority, path }: Asked, caller: Caller): string {
  return `${method} ${authority}${pathOnly(path)} from ${describeCaller(caller)}`;
}

/** The names are those of a verified certificate. */
export function describeCaller({ directRemoteAddress, peerUriSans }: Caller): string {
  return peerUriSans.length === 0 ? directRemoteAddress : `${directRemoteAddress} (${peerUriSans.join(', ')})`;
}
