// Envoy's CORS policy, compiled and joined over the levels of a route; and what it makes of a request: an answer to a preflight, or the fields
// that its response gets. Source: the CORS protocol (fetch.spec.whatwg.org) as Envoy's cors filter speaks it.

import type { Problems } from '#decide/config-error.ts';
import { shareOf } from '#decide/route-match.ts';
import { compileStringTest, type StringTest } from '#decide/string-test.ts';
import type { RequestView } from '#decide/views.ts';
import type { CorsPolicy } from '#envoy/gen/envoy/extensions/filters/http/cors/v3/cors_pb.js';

/** One level as written. Undefined and '' leave the say to the next level. */
export type CorsLevel = {
  readonly origins: readonly StringTest[];
  readonly methods: string;
  readonly headers: string;
  readonly exposeHeaders: string;
  readonly maxAge: string;
  readonly credentials: boolean | undefined;
  readonly privateNetwork: boolean | undefined;
  readonly forwardUnmatched: boolean | undefined;
  /** Share of requests from 0 to 1; only that of the most specific level counts. */
  readonly enabled: number;
};

/** What is in force on a route. */
export type CorsEntry = CorsLevel & { readonly credentials: boolean; readonly privateNetwork: boolean; readonly forwardUnmatched: boolean };

export function compileCorsLevel(policy: CorsPolicy, field: string, problems: Problems): CorsLevel {
  return {
    origins: policy.allowOriginStringMatch.map((matcher, index) =>
      compileStringTest(matcher, `${field}.allow_origin_string_match[${index}]`, problems),
    ),
    methods: policy.allowMethods,
    headers: policy.allowHeaders,
    exposeHeaders: policy.exposeHeaders,
    maxAge: policy.maxAge,
    credentials: policy.allowCredentials,
    privateNetwork: policy.allowPrivateNetworkAccess,
    forwardUnmatched: policy.forwardNotMatchingPreflights,
    enabled: policy.filterEnabled === undefined ? 1 : shareOf(policy.filterEnabled.defaultValue),
  };
}

/** Joins levels, the most specific first: each field comes from the first level that says it. */
export function joinCors(levels: readonly [CorsLevel, ...CorsLevel[]]): CorsEntry {
  const text = (read: (level: CorsLevel) => string): string => levels.map(read).find((value) => value !== '') ?? '';
  const flag = (read: (level: CorsLevel) => boolean | undefined, absent: boolean): boolean =>
    levels.map(read).find((value) => value !== undefined) ?? absent;
  return {
    origins: levels.find(({ origins }) => origins.length > 0)?.origins ?? [],
    methods: text(({ methods }) => methods),
    headers: text(({ headers }) => headers),
    exposeHeaders: text(({ exposeHeaders }) => exposeHeaders),
    maxAge: text(({ maxAge }) => maxAge),
    credentials: flag(({ credentials }) => credentials, false),
    privateNetwork: flag(({ privateNetwork }) => privateNetwork, false),
    forwardUnmatched: flag(({ forwardUnmatched }) => forwardUnmatched, true),
    enabled: levels[0].enabled,
  };
}

/** `allowedOrigin`: the response, whoever makes it, gets the fields of `corsResponseFields`; undefined: it stays as it is. */
export type CorsVerdict = { readonly allowedOrigin: string | undefined; readonly preflight: readonly string[] | undefined };

const notCors: CorsVerdict = { allowedOrigin: undefined, preflight: undefined };

/** What the policy makes of a request. `preflight`: the fields of the answer 200 that the proxy gives itself. `random` decides `filter_enabled`. */
export function applyCors(policy: CorsEntry, request: RequestView, random: number): CorsVerdict {
  const origin = request.header('origin');
  if (origin === undefined || origin === '' || random >= policy.enabled) return notCors;
  const isAllowed = policy.origins.some(({ matches }) => matches('*') || matches(origin));
  const allowedOrigin = isAllowed ? origin : undefined;
  const method = request.method === 'OPTIONS' ? (request.header('access-control-request-method') ?? '') : '';
  if (method === '' || (!isAllowed && policy.forwardUnmatched)) return { allowedOrigin, preflight: undefined };
  return { allowedOrigin, preflight: preflightFields(policy, request, allowedOrigin, method) };
}

function preflightFields(policy: CorsEntry, request: RequestView, origin: string | undefined, method: string): readonly string[] {
  const fields: string[] = [];
  if (origin !== undefined) fields.push('access-control-allow-origin', origin);
  if (policy.credentials) fields.push('access-control-allow-credentials', 'true');
  if (policy.methods !== '') fields.push('access-control-allow-methods', policy.methods === '*' ? method : policy.methods);
  if (policy.headers !== '') {
    const asked = request.header('access-control-request-headers') ?? '';
    fields.push('access-control-allow-headers', policy.headers === '*' ? asked : policy.headers);
  }
  if (policy.maxAge !== '') fields.push('access-control-max-age', policy.maxAge);
  if (policy.privateNetwork && request.header('access-control-request-private-network') === 'true') {
    fields.push('access-control-allow-private-network', 'true');
  }
  return fields;
}

/** What every response to a request from an allowed origin carries; the upstream's own fields of these names are replaced. */
export function corsResponseFields(policy: CorsEntry, origin: string): readonly string[] {
  const fields = ['access-control-allow-origin', origin];
  if (policy.credentials) fields.push('access-control-allow-credentials', 'true');
  if (policy.exposeHeaders !== '') fields.push('access-control-expose-headers', policy.exposeHeaders);
  return fields;
}
