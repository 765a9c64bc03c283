// The rules of an HTTPRoute or a GRPCRoute as the model's: one for each match, since the order of matches is not that of rules. Source: Istio,
// convertHTTPRoute and convertGRPCRoute.
import type { GrpcRouteRule } from '#api/gateway-api/grpc-route.ts';
import type { HttpRouteRule } from '#api/gateway-api/http-route.ts';
import type { WeightedBackend } from '#api/gateway-api/references.ts';
import type { KindMap } from '#api/kinds.ts';
import { parseDurationMs } from '#base/duration.ts';
import { type BackendContext, resolveBackend } from '#model/build/gateway-api/backends.ts';
import { backendFilterProblems, filterEffect, filterProblems, headerChangesOf } from '#model/build/gateway-api/http-filters.ts';
import { grpcMatch, httpMatch } from '#model/build/gateway-api/http-matches.ts';
import type { Problem } from '#model/build/gateway-api/problem.ts';
import type { Retries } from '#model/retry.ts';
import type { DirectResponse, HttpMatch, HttpRule, WeightedDestination } from '#model/virtual-service.ts';

type Path = readonly (string | number)[];
type AnyRule = HttpRouteRule | GrpcRouteRule;

/** `refusedRules`: those that are answered with 500, as something in them cannot be done. */
export type ConvertedRules = { readonly rules: readonly HttpRule[]; readonly problems: readonly Problem[]; readonly refusedRules: number };

/** A route without rules has one that is for everything and leads nowhere. */
export function convertHttpRoute({ metadata, spec }: KindMap['HTTPRoute'], context: BackendContext): ConvertedRules {
  return convert(spec.rules ?? [{}], metadata, context, (rule, place) => ({
    matches: httpMatches(rule, place, context),
    nowhere: 500,
    more: timing(rule),
  }));
}

export function convertGrpcRoute({ metadata, spec }: KindMap['GRPCRoute'], context: BackendContext): ConvertedRules {
  return convert(spec.rules ?? [{}], metadata, context, (rule, place) => ({
    matches: grpcMatches(rule, place, context),
    nowhere: 503,
    more: { missingStatus: 503 },
  }));
}

type Timing = Pick<HttpRule, 'timeoutMs' | 'retries'>;

/** `nowhere`: the answer to requests that no backend is for. gRPC's UNAVAILABLE is HTTP's 503. */
type ReadRule = {
  readonly matches: readonly HttpMatch[];
  readonly nowhere: 500 | 503;
  readonly more: Timing & Pick<HttpRule, 'missingStatus'>;
};

function convert<Rule extends AnyRule>(
  written: readonly Rule[],
  { namespace, name }: { readonly namespace: string; readonly name: string },
  context: BackendContext,
  read: (rule: Rule, place: Path) => ReadRule,
): ConvertedRules {
  const problems: Problem[] = [];
  const rules: HttpRule[] = [];
  let refusedRules = 0;
  for (const [index, rule] of written.entries()) {
    const path = ['spec', 'rules', index];
    const found = ruleProblems(rule, path, context);
    const isRefused = found.some(({ condition }) => condition === 'Accepted');
    problems.push(...found);
    if (isRefused) refusedRules += 1;
    const { matches, nowhere, more } = read(rule, path);
    const common = { name: rule.name ?? `${namespace}.${name}.${index}`, origin: context.route.origins.at(path) };
    rules.push(
      ...matches.map((match) => ({ ...common, matches: [match], ...actionOf(rule, match, path, isRefused ? 'refused' : nowhere, context), ...more })),
    );
  }
  return { rules, problems, refusedRules };
}

function ruleProblems({ filters = [], backendRefs = [] }: AnyRule, path: Path, context: BackendContext): readonly Problem[] {
  return [
    ...filterProblems(filters, [...path, 'filters'], context),
    ...backendRefs.flatMap((backend: BackendWithFilters, index) => {
      const place = [...path, 'backendRefs', index];
      const { problem } = resolveBackend(backend, place, context);
      return [...backendFilterProblems(backend.filters ?? [], [...place, 'filters'], context), ...(problem === undefined ? [] : [problem])];
    }),
  ];
}

type BackendWithFilters = WeightedBackend & { readonly filters?: AnyRule['filters'] };

type Action = Pick<HttpRule, 'destinations' | 'answer' | 'rewrite' | 'headers' | 'mirrors' | 'cors'>;

/** What becomes of a request: refused, answered by a filter, sent on; or there is nowhere to go. */
function actionOf(rule: AnyRule, match: HttpMatch, path: Path, nowhere: 'refused' | 500 | 503, context: BackendContext): Action {
  if (nowhere === 'refused') return { destinations: [], answer: directResponse(500) };
  const effect = filterEffect(rule.filters ?? [], match.uri, [...path, 'filters'], context);
  if (effect.answer !== undefined) return { ...effect, destinations: [] };
  const destinations = destinationsOf(rule, path, context);
  return destinations.length === 0 ? { ...effect, answer: directResponse(nowhere), destinations } : { ...effect, destinations };
}

function directResponse(status: number): DirectResponse {
  return { kind: 'direct-response', status };
}

/** Backends with a share of the requests. One that does not exist keeps its share, which is answered with 500. */
function destinationsOf({ backendRefs = [] }: AnyRule, path: Path, context: BackendContext): readonly WeightedDestination[] {
  return backendRefs.flatMap((backend: BackendWithFilters, index) => {
    const { weight = 1, filters = [] } = backend;
    if (weight === 0) return [];
    const place = [...path, 'backendRefs', index];
    const { host, port } = resolveBackend(backend, place, context);
    const headers = headerChangesOf(filters);
    return [{ host, port, weight, ...(headers !== undefined && { headers }), origin: context.route.origins.at(place) }];
  });
}

function httpMatches({ matches = [] }: HttpRouteRule, path: Path, { route }: BackendContext): readonly HttpMatch[] {
  if (matches.length === 0) return [httpMatch(undefined, route.origins.at(path))];
  return matches.map((match, index) => httpMatch(match, route.origins.at([...path, 'matches', index])));
}

function grpcMatches({ matches = [] }: GrpcRouteRule, path: Path, { route }: BackendContext): readonly HttpMatch[] {
  if (matches.length === 0) return [grpcMatch(undefined, route.origins.at(path))];
  return matches.map((match, index) => grpcMatch(match, route.origins.at([...path, 'matches', index])));
}

/** `backendRequest` is the time of each try; without retries there is one try, whose time it is. Zero is no limit. */
function timing({ timeouts, retry }: HttpRouteRule): Timing {
  const requestMs = parseDurationMs(timeouts?.request ?? '') ?? 0;
  const tryMs = parseDurationMs(timeouts?.backendRequest ?? '') ?? 0;
  const timeoutMs = retry === undefined && tryMs > 0 ? tryMs : requestMs;
  return { ...(timeoutMs > 0 && { timeoutMs }), ...(retry !== undefined && { retries: retriesOf(retry, tryMs) }) };
}

/** Failed connections are always tried again (GEP-1731); Istio's number of attempts where none is given. */
function retriesOf({ codes = [], attempts = 2, backoff }: NonNullable<HttpRouteRule['retry']>, perTryTimeoutMs: number): Retries {
  const backoffMs = parseDurationMs(backoff ?? '') ?? 0;
  return {
    attempts: Math.max(attempts, 0),
    retryOn: ['connect-failure', 'refused-stream', 'unavailable', 'cancelled', ...codes].join(','),
    ...(perTryTimeoutMs > 0 && { perTryTimeoutMs }),
    ...(backoffMs > 0 && { backoffMs }),
  };
}
