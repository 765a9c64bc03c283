// What stands in front of gateways: MeshConfig.defaultConfig.gatewayTopology, or a gateway Pod's own (annotation proxy.istio.io/config).

export type GatewayTopology = {
  /** How many proxies in front may be believed: the client's address is that many entries from the end of x-forwarded-for. */
  readonly numTrustedProxies?: number;
  /** What becomes of x-forwarded-client-cert. */
  readonly forwardClientCert?: 'SANITIZE' | 'FORWARD_ONLY' | 'APPEND_FORWARD' | 'SANITIZE_SET' | 'ALWAYS_FORWARD_ONLY';
  /** Each connection begins with a header that says who the client is (PROXY protocol). */
  readonly proxyProtocol?: true;
};
