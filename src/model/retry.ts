// When a request is sent again: VirtualService http.retries. Without it Istio's default holds.

/** `attempts` 0 switches retries off. */
export type Retries = {
  readonly attempts: number;
  /** Envoy's conditions, and status codes as numbers, separated by commas. */
  readonly retryOn?: string;
  readonly perTryTimeoutMs?: number;
  /** The first pause; the longest is ten times that (Envoy's default). */
  readonly backoffMs?: number;
  /** Whether a retry avoids the hosts that were tried already; true unless said. */
  readonly ignorePreviousHosts?: boolean;
  /** Whether a retry may go to another locality (priority) than those that were tried already. */
  readonly remoteLocalities?: boolean;
};
