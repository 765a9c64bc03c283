// The ALPN names by which sidecars tell each other that a connection is one of the mesh, and what it carries. A server takes all of Istio's; a client
// says those that its own proxy can keep. See docs/adr/0008-alpn-without-istios-filter.md.

/** HTTP over mutual TLS. */
export const meshHttpProtocols: readonly string[] = ['istio-http/1.0', 'istio-http/1.1', 'istio-h2'];

/** Bytes over mutual TLS. */
export const meshTcpProtocols: readonly string[] = ['istio-peer-exchange', 'istio'];

/**
 * What a client says of a cluster. The last name is one that the server may choose; where the client's own protocol is followed nothing is chosen, so
 * that the server finds HTTP/2 by its first bytes.
 */
export const clientProtocols = {
  http1: ['istio-http/1.1', 'istio', 'http/1.1'],
  http2: ['istio-h2', 'istio', 'h2'],
  mirrored: ['istio-http/1.1', 'istio-h2', 'istio'],
  bytes: ['istio'],
} as const;

/** Any of them, where the port is declared and so they tell nothing more. */
export const meshProtocols: readonly string[] = ['istio', 'istio-peer-exchange', ...meshHttpProtocols];
