// Who a workload is, as whoever speaks for it holds it: its certificate chain and key, and the roots it trusts. Renewed while it is in use.
import type { SecretText } from '#base/secret-text.ts';

export type WorkloadCertificate = {
  /** PEM, the workload's own certificate first, without the root. */
  readonly chain: string;
  /** PEM, PKCS #8. */
  readonly key: SecretText;
  /** PEM of all roots that peers are verified against: two while a root is being changed. */
  readonly roots: string;
  /** PEM of what was taken back before its end; peers whose certificate is in it are refused. */
  readonly crl?: string;
  /** `spiffe://cluster.local/ns/default/sa/hello`. */
  readonly identity: string;
  readonly notAfterMs: number;
};

export type WorkloadIdentity = AsyncDisposable & {
  /** Undefined until the first certificate has come. Stays as it is while no new one can be had, also beyond its end. */
  readonly current: () => WorkloadCertificate | undefined;
  /** Called at each new certificate and each change of the roots; the returned function ends that. */
  readonly onChange: (listener: () => void) => () => void;
};
