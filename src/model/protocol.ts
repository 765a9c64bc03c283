// The application protocol of a port, as Istio names it, and how it is told from a Kubernetes port.

/** `auto` means: sniff it. Source: Istio, "Protocol selection". */
export type Protocol = 'http' | 'http2' | 'grpc' | 'grpc-web' | 'https' | 'tls' | 'tcp' | 'udp' | 'auto';
