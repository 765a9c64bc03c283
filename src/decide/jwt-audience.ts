// Audiences as they are compared.

/** Without scheme and final slash: neither tells audiences apart. Source: Envoy, CheckAudience. */
export function plainAudience(audience: string): string {
  return audience.replace(/^https?:\/\//, '').replace(/\/$/, '');
}
