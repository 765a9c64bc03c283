// The path as the connection manager hands it to routing (HttpConnectionManager normalize_path, merge_slashes, path_with_escaped_slashes_action),
// so that `/a/../admin` cannot pass a rule for `/a/`. The query is left as it is.
import type { HttpManagerEntry } from '#decide/listener-entry.ts';

export type PathRules = Pick<HttpManagerEntry, 'normalizePath' | 'mergeSlashes' | 'pathWithEscapedSlashes'>;

export type NormalPath = { readonly kind: 'path'; readonly path: string } | { readonly kind: 'redirect'; readonly path: string } | { readonly kind: 'rejected' };

/** True for nearly all paths: nothing in them that any rule would change. Asked first, because it allocates nothing. */
export function isNormal(path: string): boolean {
  return !suspicious.test(path);
}

/** A percent sign, a backslash, two slashes, or a segment that begins with a dot. */
const suspicious = /%|\\|\/\/|\/\./;
const unreservedEscape = /%(2[dDeE]|3[0-9]|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aAeE])/g;
const escapedSlash = /%2f|%5c/i;

export function normalizePath(target: string, rules: PathRules): NormalPath {
  const question = target.indexOf('?');
  const query = question === -1 ? '' : target.slice(question);
  let path = question === -1 ? target : target.slice(0, question);
  let redirect = false;
  if (rules.pathWithEscapedSlashes !== 'keep' && escapedSlash.test(path)) {
    if (rules.pathWithEscapedSlashes === 'reject') return { kind: 'rejected' };
    path = path.replace(/%2f/gi, '/').replace(/%5c/gi, '\\');
    redirect = rules.pathWithEscapedSlashes === 'unescape-and-redirect';
  }
  if (rules.normalizePath) {
    const resolved = resolveSegments(path);
    if (resolved === undefined) return { kind: 'rejected' };
    path = resolved;
  }
  if (rules.mergeSlashes) path = path.replace(/\/{2,}/g, '/');
  return { kind: redirect ? 'redirect' : 'path', path: path + query };
}

/** RFC 3986 §6.2.2: escapes of unreserved characters undone, backslashes as slashes (as browsers do), dot segments removed. */
function resolveSegments(path: string): string | undefined {
  if (path === '*' || path === '') return path;
  if (/%00/.test(path)) return undefined;
  const plain = path.replace(unreservedEscape, (escape) => decodeURIComponent(escape)).replaceAll('\\', '/');
  const out: string[] = [];
  const segments = plain.split('/').slice(1);
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1;
    if (segment === '.') {
      if (isLast) out.push('');
    } else if (segment === '..') {
      if (out.length === 0) return undefined;
      out.pop();
      if (isLast) out.push('');
    } else out.push(segment);
  }
  return `/${out.join('/')}`;
}
