// typed_per_filter_config of route configuration, virtual host, route and weighted cluster, compiled and joined: what a route says about each
// filter. The most specific level wins; of CORS policies each field does.
import type { Any } from '@bufbuild/protobuf/wkt';
import type { Problems } from '#decide/config-error.ts';
import { type CorsLevel, compileCorsLevel, joinCors } from '#decide/cors.ts';
import { compileExtAuthzOfRoute } from '#decide/ext-authz.ts';
import { unpackExtension } from '#decide/extension.ts';
import { compileFault } from '#decide/fault.ts';
import { compileFilterState } from '#decide/filter-state.ts';
import type { RouteFilter, RouteFilters } from '#decide/http-filter.ts';
import { compileRateLimit } from '#decide/rate-limit.ts';
import { compileHttpRbac } from '#decide/rbac.ts';

/** One level: of each filter whether it runs (undefined: not said) and with what. */
export type FilterLevel = ReadonlyMap<string, LevelFilter>;
type LevelFilter = { readonly disabled: boolean; readonly config: LevelConfig | undefined };
type LevelConfig =
  | Exclude<RouteFilter, { kind: 'off' | 'on' | 'cors' }>
  | { readonly kind: 'cors'; readonly level: CorsLevel }
  | { readonly kind: 'off' };

const noLevel: FilterLevel = new Map();

type OwnerOfFilters = { readonly typedPerFilterConfig: Readonly<Record<string, Any>> };

/** `at` is the field path of the owner, with its dot. */
export function compileFilterLevel(owner: OwnerOfFilters, at: string, problems: Problems): FilterLevel {
  const entries = Object.entries(owner.typedPerFilterConfig);
  if (entries.length === 0) return noLevel;
  return new Map(entries.map(([name, any]) => [name, compileLevelFilter(any, `${at}typed_per_filter_config["${name}"]`, problems)]));
}

function compileLevelFilter(any: Any, field: string, problems: Problems): LevelFilter {
  const message = unpackExtension(any);
  if (message === undefined || message.$typeName !== 'envoy.config.route.v3.FilterConfig')
    return { disabled: false, config: compileConfig(any, false, field, problems) };
  const config = message.config === undefined ? undefined : compileConfig(message.config, message.isOptional, `${field}.config`, problems);
  return { disabled: message.disabled, config };
}

function compileConfig(any: Any, isOptional: boolean, field: string, problems: Problems): LevelConfig | undefined {
  const message = unpackExtension(any);
  if (message !== undefined) {
    if (message.$typeName === 'envoy.extensions.filters.http.fault.v3.HTTPFault')
      return { kind: 'fault', fault: compileFault(message, field, problems) };
    if (message.$typeName === 'envoy.extensions.filters.http.cors.v3.CorsPolicy')
      return { kind: 'cors', level: compileCorsLevel(message, field, problems) };
    if (message.$typeName === 'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit')
      return { kind: 'rate-limit', limit: compileRateLimit(message, true, field, problems) };
    if (message.$typeName === 'envoy.extensions.filters.http.rbac.v3.RBACPerRoute')
      return { kind: 'rbac', policy: message.rbac === undefined ? undefined : compileHttpRbac(message.rbac, `${field}.rbac`, problems) };
    if (message.$typeName === 'envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig') {
      if (message.requirementSpecifier.case === 'requirementName') problems.report(`${field}.requirement_name`, 'not supported by this proxy');
      return { kind: 'jwt-off' };
    }
    if (message.$typeName === 'envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute') {
      const check = compileExtAuthzOfRoute(message, field, problems);
      return check === undefined ? { kind: 'off' } : { kind: 'ext-authz', check };
    }
    if (message.$typeName === 'envoy.extensions.filters.http.set_filter_state.v3.Config')
      return { kind: 'filter-state', protocols: compileFilterState(message, field, problems) };
    if (message.$typeName === 'envoy.extensions.filters.http.buffer.v3.BufferPerRoute') {
      const { override } = message;
      if (override.case === 'buffer') return { kind: 'buffer', maxBytes: override.value.maxRequestBytes ?? 0 };
      return { kind: 'off' };
    }
  }
  // Envoy passes over an optional configuration of a filter that it does not know.
  if (!isOptional) problems.report(field, `a configuration of type ${any.typeUrl.slice(any.typeUrl.lastIndexOf('/') + 1)} is not supported`);
  return undefined;
}

/** The levels, most specific first. Undefined where none of them says anything: the case of nearly all routes. */
export function joinFilterLevels(levels: readonly FilterLevel[]): RouteFilters | undefined {
  const filled = levels.filter(({ size }) => size > 0);
  if (filled.length === 0) return undefined;
  const joined = new Map<string, RouteFilter>();
  for (const level of filled) {
    for (const name of level.keys()) if (!joined.has(name)) joined.set(name, joinFilter(name, filled));
  }
  return joined;
}

function joinFilter(name: string, levels: readonly FilterLevel[]): RouteFilter {
  const said = levels.flatMap((level) => level.get(name) ?? []);
  if (said[0]?.disabled === true) return { kind: 'off' };
  const configs = said.flatMap(({ config }) => config ?? []);
  const [first] = configs;
  if (first === undefined) return { kind: 'on' };
  if (first.kind === 'ext-authz') {
    // Of what the authoriser is told by routes each level says a part.
    const parts = configs.flatMap((config) => (config.kind === 'ext-authz' ? [config.check.context] : []));
    return { kind: 'ext-authz', check: { ...first.check, context: Object.fromEntries(parts.toReversed().flatMap((part) => Object.entries(part))) } };
  }
  if (first.kind !== 'cors') return first;
  const rest = configs.flatMap((config) => (config.kind === 'cors' && config !== first ? [config.level] : []));
  return { kind: 'cors', policy: joinCors([first.level, ...rest]) };
}
