// gateway.networking.k8s.io ReferenceGrant, whole: which resources of other namespaces may refer to those of its own.
import { array, object, required, type Static, string } from '#api/schema.ts';

const subject = { group: required(string({ format: 'api-group' })), kind: required(string({ format: 'kind' })) };

export const referenceGrantSpec = object({
  from: required(
    array(object({ ...subject, namespace: required(string({ format: 'dns-label' })) }), {
      minItems: 1,
      maxItems: 16,
    }),
  ),
  to: required(array(object({ ...subject, name: string() }), { minItems: 1, maxItems: 16 })),
});

export type ReferenceGrantSpec = Static<typeof referenceGrantSpec>;
