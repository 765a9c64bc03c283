// Envoy's cipher suite lists (BoringSSL's syntax) in, OpenSSL's out. TLS 1.3 suites cannot be configured in Envoy and are always on.
const tls13 = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];

/** `[A|B]` groups suites of equal preference in BoringSSL; here their order is their preference. Empty: OpenSSL's defaults. */
export function opensslCiphers(suites: readonly string[]): string | undefined {
  if (suites.length === 0) return undefined;
  const names = suites.flatMap((suite) => suite.replace(/^\[|\]$/g, '').split('|'));
  return [...tls13, ...names].join(':');
}
