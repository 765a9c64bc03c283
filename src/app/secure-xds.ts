// Where a proxy has from who it is, and by which it reaches the control plane with TLS: files by path, never their content.
import type { KeyType } from '#ca/client/csr.ts';

export type SecureXds = {
  /** PEM of the roots that the control plane's certificate is held against. */
  readonly rootsFile: string;
  /** Holds the token that says who we are; read whenever it is needed, so that it may be renewed in place. */
  readonly tokenFile: string;
  /** Of the workload's own key; ECDSA unless said otherwise. */
  readonly keyType?: KeyType;
  /** What telemetry calls the workload: `nodePeer`. */
  readonly workloadName?: string;
};

/** What the control plane's certificate must name, wherever it is reached (Istio: the Service of istiod). */
export const controlPlaneName = 'istiod.istio-system.svc';
