// Who asks for what, in words for the log of denials: no query, no header, nothing that could be a secret.
import { pathOnly } from '#decide/path-condition.ts';
import type { ConnectionFacts } from '#telemetry/access-record.ts';

type Asked = { readonly method: string; readonly authority: string; readonly path: string };

/** `GET shop.example.com/tea from 127.0.0.1:40112 (spiffe://cluster.local/ns/default/sa/cart)`: the names are those of a verified certificate. */
export function describeAsker(
  { method, authority, path }: Asked,
  { directRemoteAddress, peerUriSans }: Pick<ConnectionFacts, 'directRemoteAddress' | 'peerUriSans'>,
): string {
  const names = peerUriSans.length === 0 ? '' : ` (${peerUriSans.join(', ')})`;
  return `${method} ${authority}${pathOnly(path)} from ${directRemoteAddress}${names}`;
}
