// Parts of Kubernetes' meta/v1 that several kinds share.
import { array, boolean, integer, map, object, oneOf, required, type Static, string } from '#api/schema.ts';

export const labelSelector = object({
  matchLabels: map(string()),
  matchExpressions: array(
    object({ key: required(string()), operator: required(oneOf('In', 'NotIn', 'Exists', 'DoesNotExist')), values: array(string()) }),
  ),
});

export type LabelSelector = Static<typeof labelSelector>;

/** ObjectMeta, whole. What the mesh reads of it is in `api/resource.ts`. */
export const objectMeta = object({
  name: string(),
  generateName: string(),
  namespace: string(),
  selfLink: string(),
  uid: string(),
  resourceVersion: string(),
  generation: integer(),
  creationTimestamp: string({ format: 'rfc3339' }),
  deletionTimestamp: string({ format: 'rfc3339' }),
  deletionGracePeriodSeconds: integer(),
  labels: map(string()),
  annotations: map(string()),
  ownerReferences: array(
    object({
      apiVersion: required(string()),
      kind: required(string()),
      name: required(string()),
      uid: string(),
      controller: boolean(),
      blockOwnerDeletion: boolean(),
    }),
  ),
  finalizers: array(string()),
  managedFields: array(
    object({
      manager: string(),
      operation: string(),
      apiVersion: string(),
      time: string(),
      fieldsType: string(),
      fieldsV1: { 'x-kubernetes-preserve-unknown-fields': true },
      subresource: string(),
    }),
  ),
});

export const objectReference = object({
  kind: string(),
  namespace: string(),
  name: string(),
  uid: string(),
  apiVersion: string(),
  resourceVersion: string(),
  fieldPath: string(),
});

export const localReference = object({ name: string() });
