// Small kinds of the core group, whole: Namespace, ConfigMap, ServiceAccount, Secret; and Node, of which the mesh reads the labels.
import { localReference, objectReference } from '#api/kubernetes/meta.ts';
import { anything, array, boolean, map, object, type Schema, string } from '#api/schema.ts';
import type { SecretText } from '#base/secret-text.ts';

export const namespace = object({ spec: object({ finalizers: array(string()) }), status: anything() });

export const node = object({ spec: anything(), status: anything() });

export const configMap = object({ data: map(string()), binaryData: map(string({ format: 'byte' })), immutable: boolean() });

/** What certificates and roots stand under, in both spellings that Istio reads. */
export const credentialKeys = ['tls.crt', 'tls.key', 'tls.ocsp-staple', 'ca.crt', 'ca.crl', 'cert', 'key', 'cacert', 'crl'] as const;

/** Whatever is written there: once it was read, the text of a credential's key is a SecretText, and of any other only the key is left. */
const hiddenValue: Schema<SecretText | ''> = anything() as Schema<SecretText | ''>;

/** Its values are kept only as far as a credential needs them: see `hiddenFields` and `revealedKeys` of the kind. */
export const secret = object({ data: map(hiddenValue), stringData: map(hiddenValue), type: string(), immutable: boolean() });

export const serviceAccount = object({
  secrets: array(objectReference),
  imagePullSecrets: array(localReference),
  automountServiceAccountToken: boolean(),
});
