// What an HTTP connection manager makes of a request's path and authority before routing: normalize_path, merge_slashes,
// path_with_escaped_slashes_action, strip_*_host_port. Pure; the same string comes back where nothing changes.
import type { HttpManagerEntry } from '#decide/listener-entry.ts';

/** `rejected` is 400, `redirect` 307 to the path (unescape-and-redirect). */
export type NormalPath = { readonly kind: 'path' | 'redirect'; readonly path: string } | { readonly kind: 'rejected' };

export type PathRules = Pick<HttpManagerEntry, 'normalizePath' | 'mergeSlashes' | 'pathWithEscapedSlashes'>;

/** True for nearly all paths: nothing in them that any rule would change. */
export function isNormal(path: string): boolean {
  return !suspicious.test(path);
}

/** A percent sign, a backslash, two slashes, or a segment that begins with a dot. */
const suspicious = /%|\\|\/\/|\/\./;

/** In Envoy's order: escaped slashes, normalisation, merging. Query and fragment stay as they are. */
export function normalizePath(path: string, rules: PathRules): NormalPath {
  const end = path.search(/[?#]/);
  const bare = end === -1 ? path : path.slice(0, end);
  const rest = end === -1 ? '' : path.slice(end);
  const unescaped = unescapeSlashes(rules, bare);
  if (unescaped === undefined) return { kind: 'rejected' };
  const normal = rules.normalizePath ? canonical(unescaped) : unescaped;
  if (normal === undefined) return { kind: 'rejected' };
  const merged = rules.mergeSlashes ? normal.replaceAll(/\/{2,}/g, '/') : normal;
  const redirects = rules.pathWithEscapedSlashes === 'unescape-and-redirect' && unescaped !== bare;
  return { kind: redirects ? 'redirect' : 'path', path: merged + rest };
}

function unescapeSlashes(rules: PathRules, path: string): string | undefined {
  switch (rules.pathWithEscapedSlashes) {
    case 'keep':
      return path;
    case 'reject':
      return /%2f|%5c/i.test(path) ? undefined : path;
    case 'unescape-and-redirect':
    case 'unescape-and-forward':
      return path.replaceAll(/%2f/gi, '/').replaceAll(/%5c/gi, '\\');
  }
}

/** RFC 3986, section 6.2.2, as browsers do it: backslashes are slashes, escaped unreserved characters are plain, dot segments are resolved. */
function canonical(path: string): string | undefined {
  if (!path.startsWith('/')) return path;
  const plain = path.replaceAll('\\', '/').replaceAll(/%([0-9a-f]{2})/gi, (escape, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return /[\w.~-]/.test(character) ? character : escape;
  });
  if (/%00/.test(plain)) return undefined;
  const out: string[] = [];
  const segments = plain.split('/').slice(1);
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1;
    if (segment === '..') out.pop();
    if (segment !== '.' && segment !== '..') out.push(segment);
    else if (last) out.push('');
  }
  return `/${out.join('/')}`;
}

/** The authority without its port: any port, or only the listener's own. */
export function normalAuthorityOf(mode: HttpManagerEntry['stripPort'], authority: string, listenerPort: number): string {
  if (mode === 'never') return authority;
  const match = /:(\d+)$/.exec(authority);
  if (match === null || match[1] === undefined) return authority;
  return mode === 'any' || Number(match[1]) === listenerPort ? authority.slice(0, match.index) : authority;
}
