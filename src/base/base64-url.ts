// Base64 with the alphabet for URLs (RFC 4648 section 5).

/** With or without padding. White space is passed over, as Envoy does (absl::WebSafeBase64Unescape); undefined for anything else. */
export function base64Url(text: string): Uint8Array | undefined {
  const packed = /\s/.test(text) ? text.replaceAll(/[ \t\n\v\f\r]/g, '') : text;
  const bare = packed.replace(/={1,2}$/, '');
  if (!/^[A-Za-z0-9_-]*$/.test(bare) || bare.length % 4 === 1) return undefined;
  return bare.length === packed.length || packed.length % 4 === 0 ? Buffer.from(bare, 'base64url') : undefined;
}
