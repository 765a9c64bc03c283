// The ingress gateway that Istio installs by default and `heddle up` adds where a Gateway selects it and none is there: advice counts with it.

export const defaultGateway = {
  namespace: 'istio-system',
  labels: { app: 'istio-ingressgateway', istio: 'ingressgateway' },
  /** Service port → port of the Pod. */
  ports: { 80: 8080, 443: 8443, 15021: 15021 },
} as const;
