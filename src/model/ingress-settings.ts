// Which Ingresses the mesh serves, and by which gateway: MeshConfig.ingressControllerMode, ingressClass, ingressSelector, ingressService.

export type IngressSettings = {
  /** STRICT: those that name the class; DEFAULT: also those that name none; OFF: those whose IngressClass says so alone. */
  readonly mode: 'OFF' | 'DEFAULT' | 'STRICT';
  /** The class by its old annotation. */
  readonly className: string;
  /** The value of the label `istio` of the gateway's pods. */
  readonly gatewayLabel: string;
};

/** Istio's. */
export const defaultIngressSettings: IngressSettings = { mode: 'STRICT', className: 'istio', gatewayLabel: 'ingressgateway' };

/** Where what becomes of Ingresses stands, whatever the root namespace is. Source: Istio, IstioIngressNamespace. */
export const ingressNamespace = 'istio-system';
