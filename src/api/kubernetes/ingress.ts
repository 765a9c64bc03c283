// networking.k8s.io/v1 Ingress and IngressClass, whole: https://kubernetes.io/docs/reference/kubernetes-api/service-resources/ingress-v1/
import { anything, array, integer, object, oneOf, required, type Static, string } from '#api/schema.ts';

const localObject = object({ apiGroup: string(), kind: required(string({ minLength: 1 })), name: required(string({ minLength: 1 })) });

const backend = object(
  {
    service: object({
      name: required(string({ minLength: 1 })),
      port: object({ name: string(), number: integer({ minimum: 1, maximum: 65535 }) }, { atMostOneOf: [['name', 'number']] }),
    }),
    resource: localObject,
  },
  { atMostOneOf: [['service', 'resource']] },
);

const path = object({
  path: string(),
  pathType: required(oneOf('Exact', 'Prefix', 'ImplementationSpecific')),
  backend: required(backend),
});

const rule = object({ host: string(), http: object({ paths: required(array(path, { minItems: 1 })) }) });

const ingressSpec = object({
  ingressClassName: string(),
  defaultBackend: backend,
  tls: array(object({ hosts: array(string()), secretName: string() })),
  rules: array(rule),
});

export const ingress = object({ spec: ingressSpec, status: anything() });

export const ingressClass = object({
  spec: object({
    controller: string(),
    parameters: object({ apiGroup: string(), kind: required(string()), name: required(string()), namespace: string(), scope: string() }),
  }),
});

export type IngressSpec = Static<typeof ingressSpec>;
