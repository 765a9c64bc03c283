// A certificate with its key, or roots to trust, by name: what `credentialName` and `certificateRefs` mean. Comes from a Kubernetes Secret (both
// spellings of its keys) or, for roots, a ConfigMap.
import type { Origin } from '#base/origin.ts';
import type { SecretText } from '#base/secret-text.ts';

export type Credential = {
  readonly kind: 'secret' | 'config-map';
  readonly name: string;
  readonly namespace: string;
  readonly keyPair?: KeyPair;
  /** PEM of the roots that the other side's certificates are verified against. */
  readonly roots?: string;
  /** PEM of certificate revocation lists. */
  readonly crl?: string;
  readonly origin: Origin;
};

/** `chain`: PEM, the own certificate first. */
export type KeyPair = { readonly chain: string; readonly key: SecretText; readonly ocspStaple?: Uint8Array };
