// Small kinds of the core group, whole: Namespace, ConfigMap, ServiceAccount, Secret; and Node, of which the mesh reads the labels.
import { localReference, objectReference } from '#api/kubernetes/meta.ts';
import { anything, array, boolean, map, object, string } from '#api/schema.ts';

export const namespace = object({ spec: object({ finalizers: array(string()) }), status: anything() });

export const node = object({ spec: anything(), status: anything() });

export const configMap = object({ data: map(string()), binaryData: map(string({ format: 'byte' })), immutable: boolean() });

/** Its values are not kept: see `hiddenFields` of the kind. */
export const secret = object({ data: map(anything()), stringData: map(anything()), type: string(), immutable: boolean() });

export const serviceAccount = object({
  secrets: array(objectReference),
  imagePullSecrets: array(localReference),
  automountServiceAccountToken: boolean(),
});
