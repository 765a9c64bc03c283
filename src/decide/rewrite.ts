// What a route makes of a request's path and host before it goes upstream (prefix_rewrite, regex_rewrite, host_rewrite_*).
import { pathOnly } from '#decide/path-condition.ts';
import type { ForwardAction } from '#decide/route-entry.ts';
import type { RequestView } from '#decide/views.ts';

/** The new path with its query; the same string where nothing is rewritten (then no x-envoy-original-path is due). */
export function rewritePath(action: ForwardAction, path: string): string {
  if (action.prefixRewrite !== undefined) return replaceStart(path, action.matchedPrefix, action.prefixRewrite);
  if (action.regexRewrite === undefined) return path;
  const bare = pathOnly(path);
  return action.regexRewrite.pattern.replaceAll(bare, action.regexRewrite.substitution) + path.slice(bare.length);
}

/** `matched` undefined: the whole path, without query. */
export function replaceStart(path: string, matched: string | undefined, replacement: string): string {
  return replacement + path.slice(matched === undefined ? pathOnly(path).length : matched.length);
}

/**
 * The route's new authority, or undefined where it sets none (auto_host_rewrite is known only once an endpoint is chosen). It wins over
 * the weighted cluster's, `target.hostRewrite`, which Envoy sets before and without naming the host it replaces.
 */
export function rewriteHost(action: ForwardAction, request: RequestView): string | undefined {
  const host = action.hostRewrite ?? dynamicHost(action, request);
  return host === '' ? undefined : host;
}

function dynamicHost(action: ForwardAction, request: RequestView): string | undefined {
  if (action.hostRewriteHeader !== undefined) return request.header(action.hostRewriteHeader)?.split(',', 1)[0];
  if (action.hostRewritePathRegex === undefined) return undefined;
  return action.hostRewritePathRegex.pattern.replaceAll(pathOnly(request.path), action.hostRewritePathRegex.substitution);
}
