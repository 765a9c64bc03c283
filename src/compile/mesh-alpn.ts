// The ALPN names by which sidecars tell each other that a connection is one of the mesh, and what it carries. A server takes all of Istio's; a client
// says those that its own proxy can keep. See docs/adr/0008-alpn-without-istios-filter.md.

/** HTTP over mutual TLS. */
export const meshHttpProtocols: readonly string[] = ['istio-http/1.0', 'istio-http/1.1', 'istio-h2'];

/** Bytes over mutual TLS. */
export const meshTcpProtocols: readonly string[] = ['istio-peer-exchange', 'istio'];

/** Any of them, where the port is declared and so they tell nothing more. */
export const meshProtocols: readonly string[] = ['istio', 'istio-peer-exchange', ...meshHttpProtocols];
