// gateway.networking.k8s.io Gateway, GatewayClass and ListenerSet, whole: https://gateway-api.sigs.k8s.io/reference/spec/ (v1).
import { fromNamespaces, localReference, objectReference, secretReference } from '#api/gateway-api/references.ts';
import { labelSelector } from '#api/kubernetes/meta.ts';
import { array, map, object, oneOf, port, required, type Static, string } from '#api/schema.ts';

const parametersReference = object({
  group: required(string({ format: 'api-group' })),
  kind: required(string({ format: 'kind' })),
  name: required(string({ minLength: 1 })),
  namespace: string({ format: 'dns-label' }),
});

export const gatewayClassSpec = object({
  controllerName: required(string({ minLength: 1 })),
  parametersRef: parametersReference,
  description: string(),
});

const allowedRoutes = object({
  namespaces: object({ from: fromNamespaces, selector: labelSelector }),
  kinds: array(object({ group: string({ format: 'api-group' }), kind: required(string({ format: 'kind' })) }), { maxItems: 8 }),
});

const listener = object({
  name: required(string({ format: 'dns-subdomain' })),
  hostname: string({ minLength: 1, format: 'gateway-host' }),
  port: required(port()),
  protocol: required(string({ minLength: 1 })),
  tls: object({
    mode: oneOf('Terminate', 'Passthrough'),
    certificateRefs: array(secretReference, { maxItems: 64 }),
    options: map(string()),
  }),
  allowedRoutes,
});

const tlsValidation = object({
  caCertificateRefs: required(array(objectReference, { minItems: 1, maxItems: 8 })),
  mode: oneOf('AllowValidOnly', 'AllowInsecureFallback'),
});

export const gatewaySpec = object({
  gatewayClassName: required(string({ minLength: 1 })),
  listeners: required(array(listener, { minItems: 1, maxItems: 64 })),
  addresses: array(object({ type: string({ minLength: 1 }), value: string() }), { maxItems: 16 }),
  infrastructure: object({ labels: map(string()), annotations: map(string()), parametersRef: localReference }),
  allowedListeners: object({ namespaces: object({ from: fromNamespaces, selector: labelSelector }) }),
  defaultScope: oneOf('All', 'None'),
  tls: object({
    backend: object({ clientCertificateRef: secretReference }),
    frontend: object({
      default: required(object({ validation: tlsValidation })),
      perPort: array(object({ port: required(port()), tls: required(object({ validation: tlsValidation })) }), { maxItems: 64 }),
    }),
  }),
});

export const listenerSetSpec = object({
  parentRef: required(
    object({
      group: string({ format: 'api-group' }),
      kind: string({ format: 'kind' }),
      name: required(string({ minLength: 1 })),
      namespace: string({ format: 'dns-label' }),
    }),
  ),
  listeners: required(array(listener, { minItems: 1, maxItems: 64 })),
});

export type GatewayClassSpec = Static<typeof gatewayClassSpec>;
export type GatewaySpec = Static<typeof gatewaySpec>;
export type ListenerSpec = Static<typeof listener>;
export type AllowedRoutes = Static<typeof allowedRoutes>;
export type ListenerSetSpec = Static<typeof listenerSetSpec>;
