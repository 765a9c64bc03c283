// The filters of a rule of HTTPRoute or GRPCRoute in the model's words. A filter that cannot be done makes the proxy answer 500: none may be
// passed over (Gateway API, HTTPRouteFilter). Source of the rest: Istio, createRewriteFilter, createRedirectFilter, createMirrorFilter.
import type { CorsFilter, GrpcFilter, HeaderModifier, HttpFilter, PathModifier, RequestMirror, RequestRedirect } from '#api/gateway-api/filters.ts';
import { type BackendContext, type ResolvedBackend, resolveBackend } from '#model/build/gateway-api/backends.ts';
import type { Problem } from '#model/build/gateway-api/problem.ts';
import { messageHeaders } from '#model/build/header-changes.ts';
import type { MessageHeaders } from '#model/header-changes.ts';
import type { StringMatch } from '#model/string-match.ts';
import type { CorsPolicy, HttpRule, Mirror, Redirect, Rewrite } from '#model/virtual-service.ts';

type Filter = HttpFilter & GrpcFilter;
type Path = readonly (string | number)[];

/** What the filters of a rule come to, for requests whose path matched `uri`. */
export type FilterEffect = Pick<HttpRule, 'answer' | 'rewrite' | 'headers' | 'mirrors' | 'cors'>;

/** What is wrong with filters whatever the request: kinds that cannot be done, and mirrors that lead nowhere. */
export function filterProblems(filters: readonly (HttpFilter | GrpcFilter)[], path: Path, context: BackendContext): readonly Problem[] {
  return filters.flatMap(({ type, requestMirror }, index): readonly Problem[] => {
    const at = [...path, index];
    if (requestMirror !== undefined) {
      const { problem } = resolveBackend(requestMirror.backendRef, [...at, 'requestMirror', 'backendRef'], context);
      return problem === undefined ? [] : [problem];
    }
    return isUndoable(type) ? [unsupported(`filters of type ${type} are not supported`, [...at, 'type'], context)] : [];
  });
}

/** What a backend may have: changes of headers. Source: Istio, buildHTTPDestination. */
export function backendFilterProblems(filters: readonly (HttpFilter | GrpcFilter)[], path: Path, context: BackendContext): readonly Problem[] {
  return filters.flatMap(({ type }, index) =>
    isHeaderFilter(type) ? [] : [unsupported(`filters of type ${type} are not supported on a backend`, [...path, index, 'type'], context)],
  );
}

function unsupported(message: string, path: Path, { route }: BackendContext): Problem {
  const hint = 'until it is gone, the requests of this rule are answered with 500';
  return { condition: 'Accepted', reason: 'UnsupportedValue', message, hint, at: route.origins.at(path) };
}

function isUndoable(type: string): boolean {
  return type === 'ExtensionRef' || type === 'ExternalAuth';
}

function isHeaderFilter(type: string): boolean {
  return type === 'RequestHeaderModifier' || type === 'ResponseHeaderModifier';
}

/** Filters that can be done, for a rule whose path is matched by `uri` (undefined: all paths). */
export function filterEffect(
  filters: readonly (HttpFilter | GrpcFilter)[],
  uri: StringMatch | undefined,
  path: Path,
  context: BackendContext,
): FilterEffect {
  // Every field of the other kind's filters is optional.
  const all = filters as readonly Filter[];
  const first = <Key extends keyof Filter>(key: Key): Filter[Key] | undefined => all.find((filter) => filter[key] !== undefined)?.[key];
  const redirect = first('requestRedirect');
  const rewrite = first('urlRewrite');
  const cors = first('cors');
  const headers = headerChangesOf(filters);
  const mirrors = all.flatMap(({ requestMirror }, index) => mirrorOf(requestMirror, [...path, index], context));
  const rewritten = rewrite === undefined ? undefined : rewriteOf(rewrite, uri);
  return {
    ...(redirect !== undefined && { answer: redirectOf(redirect, uri) }),
    ...(rewritten !== undefined && { rewrite: rewritten }),
    ...(headers !== undefined && { headers }),
    ...(mirrors.length > 0 && { mirrors }),
    ...(cors !== undefined && { cors: corsOf(cors) }),
  };
}

/** The changes that all header filters of a list ask for; undefined where there are none. */
export function headerChangesOf(filters: readonly (HttpFilter | GrpcFilter)[]): MessageHeaders | undefined {
  const request = filters.find(({ requestHeaderModifier }) => requestHeaderModifier !== undefined)?.requestHeaderModifier;
  const response = filters.find(({ responseHeaderModifier }) => responseHeaderModifier !== undefined)?.responseHeaderModifier;
  if (request === undefined && response === undefined) return undefined;
  return messageHeaders({
    ...(request !== undefined && { request: headerOperations(request) }),
    ...(response !== undefined && { response: headerOperations(response) }),
  });
}

/** Of entries with equal names the first counts (Gateway API, HTTPHeaderFilter), whatever their case. */
function headerOperations({ set = [], add = [], remove = [] }: HeaderModifier) {
  const byName = (headers: NonNullable<HeaderModifier['set']>): Readonly<Record<string, string>> =>
    Object.fromEntries(headers.toReversed().map(({ name, value }) => [name.toLowerCase(), value]));
  return { set: byName(set), add: byName(add), remove: remove.map((name) => name.toLowerCase()) };
}

function mirrorOf(mirror: RequestMirror | undefined, path: Path, context: BackendContext): readonly Mirror[] {
  if (mirror === undefined) return [];
  const backend = resolveBackend(mirror.backendRef, [...path, 'requestMirror', 'backendRef'], context);
  return backend.problem === undefined ? [{ destination: destinationOf(backend), percent: percentOf(mirror) }] : [];
}

function destinationOf({ host, port }: ResolvedBackend): Mirror['destination'] {
  return { host, port, origin: host.origin };
}

function percentOf({ percent, fraction }: RequestMirror): number {
  if (fraction === undefined) return percent ?? 100;
  return (fraction.numerator / (fraction.denominator ?? 100)) * 100;
}

/** Without a port: the one that goes with the scheme, or without a scheme the listener's (Gateway API, HTTPRequestRedirectFilter). */
function redirectOf({ scheme, hostname, path, port, statusCode = 302 }: RequestRedirect, uri: StringMatch | undefined): Redirect {
  const derived = scheme === 'https' ? 443 : scheme === 'http' ? 80 : 'from-request';
  const changed = path === undefined ? undefined : redirectPath(path, uri);
  return {
    kind: 'redirect',
    status: redirectStatus(statusCode),
    ...(scheme !== undefined && { scheme }),
    ...(hostname !== undefined && { host: hostname }),
    port: port ?? derived,
    ...(changed !== undefined && { path: changed }),
  };
}

function redirectStatus(code: number): Redirect['status'] {
  return code === 301 || code === 303 || code === 307 || code === 308 ? code : 302;
}

function redirectPath(path: PathModifier, uri: StringMatch | undefined): Redirect['path'] {
  if (path.type === 'ReplaceFullPath') return { kind: 'whole', value: path.replaceFullPath ?? '' };
  const change = prefixChange(path.replacePrefixMatch ?? '', uri);
  if (change === undefined) return undefined;
  return change.kind === 'prefix' ? change : { kind: 'regex', pattern: change.pattern, replacement: change.replacement };
}

function rewriteOf({ hostname, path }: NonNullable<HttpFilter['urlRewrite']>, uri: StringMatch | undefined): Rewrite | undefined {
  const changed = path === undefined ? {} : rewritePath(path, uri);
  const authority = hostname === undefined ? {} : { authority: hostname };
  return Object.keys(changed).length + Object.keys(authority).length === 0 ? undefined : { ...changed, ...authority };
}

function rewritePath(path: PathModifier, uri: StringMatch | undefined): Omit<Rewrite, 'authority'> {
  if (path.type === 'ReplaceFullPath') return { regex: { pattern: '^.*$', replacement: literal(path.replaceFullPath ?? '/') } };
  const change = prefixChange(path.replacePrefixMatch ?? '', uri);
  if (change === undefined) return {};
  return change.kind === 'prefix' ? { path: change.value } : { regex: { pattern: change.pattern, replacement: change.replacement } };
}

type PrefixChange =
  | { readonly kind: 'prefix'; readonly value: string }
  | { readonly kind: 'regex'; readonly pattern: string; readonly replacement: string };

/**
 * Prefixes end where a segment ends, with or without a slash: `/a` replaced by `/b` in `/a/c` gives `/b/c`, by `/` gives `/c`; and `/` by `/b`
 * gives `/b/a/c`. Envoy replaces characters, so that the two with a bare slash need an expression. Undefined: nothing changes.
 */
function prefixChange(written: string, uri: StringMatch | undefined): PrefixChange | undefined {
  const replacement = written.replace(/\/+$/, '');
  const matched = uri?.kind === 'prefix' ? uri.value : '/';
  if (matched === '/') return replacement === '' ? undefined : { kind: 'regex', pattern: '^/(.*)$', replacement: `${literal(replacement)}/\\1` };
  if (replacement === '') return { kind: 'regex', pattern: `^${escapeRegex(matched)}/?(.*)$`, replacement: '/\\1' };
  return { kind: 'prefix', value: replacement };
}

/** A text that stands for itself where `\1` would name a group. */
function literal(text: string): string {
  return text.replaceAll('\\', '\\\\');
}

function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/** Preflights of origins that are not allowed are answered without the fields of CORS. Source: Istio, createCorsFilter; GEP-1767. */
function corsOf(written: CorsFilter): CorsPolicy {
  const { allowOrigins = [], allowCredentials, allowMethods = [], allowHeaders = [], exposeHeaders = [], maxAge = 5 } = written;
  return {
    allowOrigins: allowOrigins.map(originMatch),
    allowMethods,
    allowHeaders,
    exposeHeaders,
    maxAgeMs: maxAge * 1000,
    ...(allowCredentials !== undefined && { allowCredentials }),
    unmatchedPreflights: 'ignore',
  };
}

/** `*` is any origin; within one it stands for any letters: `https://*.example.com`. */
function originMatch(origin: string): StringMatch {
  if (!origin.includes('*')) return { kind: 'exact', value: origin };
  if (origin === '*') return { kind: 'regex', value: '.*' };
  return { kind: 'regex', value: origin.split('*').map(escapeRegex).join('.*') };
}
