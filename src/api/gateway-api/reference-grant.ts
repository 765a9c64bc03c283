// gateway.networking.k8s.io ReferenceGrant, whole: which resources of other namespaces may refer to those of its own.
import { array, object, required, type Static, string } from '#api/schema.ts';

export const referenceGrantSpec = object({
  from: required(
    array(object({ group: required(string()), kind: required(string({ minLength: 1 })), namespace: required(string({ minLength: 1 })) }), {
      minItems: 1,
      maxItems: 16,
    }),
  ),
  to: required(array(object({ group: required(string()), kind: required(string({ minLength: 1 })), name: string() }), { minItems: 1, maxItems: 16 })),
});

export type ReferenceGrantSpec = Static<typeof referenceGrantSpec>;
