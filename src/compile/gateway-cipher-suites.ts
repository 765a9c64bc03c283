// The cipher suites that Envoy's TLS library has, by its names. One that it does not know would make it refuse the whole listener.

/** Suites of TLS 1.0 to 1.2 without pre-shared keys; those of 1.3 are always on and cannot be named. */
const suites: ReadonlySet<string> = new Set([
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-RSA-AES128-SHA',
  'ECDHE-ECDSA-AES256-SHA',
  'ECDHE-RSA-AES256-SHA',
  'AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
  'AES128-SHA',
  'AES256-SHA',
]);

/** Those of `written` that exist, each once, in their order. Source: Istio, FilterCipherSuites. */
export function usableCipherSuites(written: readonly string[]): readonly string[] {
  return [...new Set(written)].filter((suite) => suites.has(suite));
}
