// Envoy's cipher suite lists (BoringSSL's syntax) in, OpenSSL's out. TLS 1.3 suites cannot be configured in Envoy and are always on.
const tls13 = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];

/** Envoy's own where the configuration names none (source: TlsParameters.cipher_suites): forward secret and authenticated, all of them. */
const defaults = [
  '[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]',
  '[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
];

/** `[A|B]` groups suites of equal preference in BoringSSL; here their order is their preference. */
export function opensslCiphers(suites: readonly string[]): string {
  const named = suites.length === 0 ? defaults : suites;
  return [...tls13, ...named.flatMap((suite) => suite.replace(/^\[|\]$/g, '').split('|'))].join(':');
}
