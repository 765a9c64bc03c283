// The application protocol of a port, as Istio names it, and what follows from it.

/** `auto` means: sniff it. Source: Istio, "Protocol selection". */
export type Protocol = 'http' | 'http2' | 'grpc' | 'grpc-web' | 'https' | 'tls' | 'tcp' | 'udp' | 'auto';

/** Plain HTTP of any version: routed by host and path. */
export function isHttp(protocol: Protocol): boolean {
  return protocol === 'http' || protocol === 'http2' || protocol === 'grpc' || protocol === 'grpc-web';
}

/** Ports that take part in HTTP routing: declared HTTP, and those where it is found out per connection. */
export function isHttpOrSniffed(protocol: Protocol): boolean {
  return protocol === 'auto' || isHttp(protocol);
}

/** Protocols whose endpoints are spoken to in HTTP/2. */
export function isHttp2(protocol: Protocol): boolean {
  return protocol === 'http2' || protocol === 'grpc' || protocol === 'grpc-web';
}
