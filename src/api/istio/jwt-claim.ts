// The pseudo headers of a VirtualService that mean claims of the request's JWT: `@request.auth.claims.group` and
// `@request.auth.claims[group][id]`. Source: Istio, jwt.ToRoutingClaim.

const prefix = '@request.auth.claims';

/** The path of the claim, `['group', 'id']`; undefined where `name` is an ordinary header. */
export function claimPath(name: string): readonly string[] | undefined {
  const lower = name.toLowerCase();
  if (lower.startsWith(`${prefix}.`)) return nonEmpty(name.slice(prefix.length + 1).split('.'));
  if (!lower.startsWith(`${prefix}[`) || !name.endsWith(']')) return undefined;
  return nonEmpty(name.slice(prefix.length + 1, -1).split(']['));
}

function nonEmpty(parts: readonly string[]): readonly string[] | undefined {
  return parts.includes('') ? undefined : parts;
}
