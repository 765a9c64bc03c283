// What a decision is made about: a connection and a request, seen through the narrowest interface, so that the proxy's own objects,
// a call in a test and a question to `explain` all fit without being copied.
import type { DynamicMetadata } from '#decide/dynamic-metadata.ts';

/** A request as routing sees it. Header names are asked for in lower case; several fields of one name answer joined by ','. */
export type RequestView = {
  readonly method: string;
  readonly scheme: string;
  /** Host and optional port, as sent. */
  readonly authority: string;
  /** Path with query. */
  readonly path: string;
  readonly header: (name: string) => string | undefined;
  /** The value of each field of that name. Where it is not told the joined text counts as one field. */
  readonly headerFields?: (name: string) => readonly string[];
  /** What filters found out about the request before it was routed again; undefined: nothing. */
  readonly metadata?: DynamicMetadata | undefined;
};

/** The value of each field of a name, as far as the request tells them apart. */
export function headerFieldsOf(request: RequestView, name: string): readonly string[] {
  if (request.headerFields !== undefined) return request.headerFields(name);
  const joined = request.header(name);
  return joined === undefined ? [] : [joined];
}

/** A connection as filter chain matching and authorisation see it. */
export type ConnectionView = {
  readonly destinationAddress: string;
  readonly destinationPort: number;
  readonly sourceAddress: string;
  readonly sourcePort: number;
  /** Who really connected, where a PROXY header named somebody else as the source. */
  readonly sender?: { readonly address: string; readonly port: number };
  /** The client as x-forwarded-for and trusted hops say (Envoy's downstream remote address); the source's where not set. */
  readonly remoteAddress?: string;
  /** `tls` once a ClientHello was seen (TLS inspector), else `raw_buffer`. */
  readonly transportProtocol: 'raw_buffer' | 'tls';
  readonly serverName?: string;
  /** ALPN of the ClientHello, or what the HTTP inspector found (`http/1.1`, `h2c`). */
  readonly applicationProtocols: readonly string[];
  /** TLS ends in this proxy, whether or not the client showed a certificate. */
  readonly secure?: boolean;
  /** URI and DNS SANs of the verified client certificate, and its subject as RFC 2253 writes it. */
  readonly peerNames?: readonly string[];
  readonly peerSubject?: string;
};
