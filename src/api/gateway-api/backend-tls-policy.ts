// gateway.networking.k8s.io BackendTLSPolicy, v1: https://gateway-api.sigs.k8s.io/reference/spec/#backendtlspolicy
import { localReference } from '#api/gateway-api/references.ts';
import { array, map, object, oneOf, required, type Static, string } from '#api/schema.ts';

const targetReference = object({
  group: required(string({ format: 'api-group' })),
  kind: required(string({ format: 'kind' })),
  name: required(string({ minLength: 1 })),
  sectionName: string({ format: 'dns-subdomain' }),
});

const subjectAltName = object({ type: required(oneOf('Hostname', 'URI')), hostname: string({ minLength: 1 }), uri: string({ minLength: 1 }) });

export const backendTlsPolicySpec = object({
  targetRefs: required(array(targetReference, { minItems: 1, maxItems: 16 })),
  validation: required(
    object({
      caCertificateRefs: array(localReference, { maxItems: 8 }),
      wellKnownCACertificates: string({ minLength: 1 }),
      hostname: required(string({ format: 'dns-subdomain' })),
      subjectAltNames: array(subjectAltName, { maxItems: 5 }),
    }),
  ),
  options: map(string()),
});

export type BackendTlsPolicySpec = Static<typeof backendTlsPolicySpec>;
