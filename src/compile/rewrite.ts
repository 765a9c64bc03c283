// How a rule rewrites the path of its requests. Source: Istio, applyHTTPRouteDestination.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { RouteActionSchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import type { HttpMatch, Rewrite, VirtualService } from '#model/virtual-service.ts';

type PathRewrite = Pick<MessageInitShape<typeof RouteActionSchema>, 'prefixRewrite' | 'regexRewrite'>;

/** `prefix_rewrite` replaces the matched prefix, or the whole path where the match is exact or an expression. */
export function pathRewrite(rewrite: Rewrite | undefined, match: HttpMatch | undefined, semantics: VirtualService['semantics']): PathRewrite {
  const { path, regex } = rewrite ?? {};
  if (regex !== undefined) return { regexRewrite: { pattern: { regex: regex.pattern }, substitution: regex.replacement } };
  if (path === undefined) return {};
  // By segments, `/a` to `/` would leave two slashes of `/a/b`: the prefix is cut off instead, down to one slash.
  if (semantics === 'gateway-api' && path === '/') {
    const prefix = match?.uri?.kind === 'prefix' ? match.uri.value : '';
    return { regexRewrite: { pattern: { regex: `^${quoted(prefix.replace(/\/$/, ''))}(/?)(.*)` }, substitution: '/\\2' } };
  }
  return { prefixRewrite: path };
}

/** A text as an expression of RE2 that matches just it. */
function quoted(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');
}
