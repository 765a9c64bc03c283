// How kinds of the Gateway API name other resources. Source: https://gateway-api.sigs.k8s.io/reference/spec/ (v1).
import { integer, object, oneOf, port, required, type Static, string } from '#api/schema.ts';

/** The fields of a reference, for kinds that have more beside them. */
const reference = {
  group: string({ format: 'api-group' }),
  kind: string({ format: 'kind' }),
  name: required(string({ minLength: 1 })),
  namespace: string({ format: 'dns-label' }),
};

/** ParentReference: a Gateway, a ListenerSet, a Service or a ServiceEntry; a Gateway unless said. */
export const parentReference = object({ ...reference, sectionName: string({ format: 'dns-subdomain' }), port: port() });

/** BackendObjectReference: a Service unless said. */
export const backendReference = object({ ...reference, port: port() });

/** The fields of a BackendRef, for kinds that have filters beside them; the weight is 1 unless given. */
export const weightedBackendFields = { ...reference, port: port(), weight: integer({ minimum: 0, maximum: 1_000_000 }) };

/** BackendRef. */
export const weightedBackend = object(weightedBackendFields);

/** SecretObjectReference: a Secret unless said. */
export const secretReference = object(reference);

/** ObjectReference, with everything said. */
export const objectReference = object({
  group: required(string({ format: 'api-group' })),
  kind: required(string({ format: 'kind' })),
  name: required(string({ minLength: 1 })),
  namespace: string({ format: 'dns-label' }),
});

/** LocalObjectReference. */
export const localReference = object({
  group: required(string({ format: 'api-group' })),
  kind: required(string({ format: 'kind' })),
  name: required(string({ minLength: 1 })),
});

/** AllowedRoutes, RouteNamespaces: whose resources may attach. */
export const fromNamespaces = oneOf('All', 'Selector', 'Same', 'None');

export type ParentReference = Static<typeof parentReference>;
export type BackendReference = Static<typeof backendReference>;
export type WeightedBackend = Static<typeof weightedBackend>;
export type SecretReference = Static<typeof secretReference>;
