// One rule of a VirtualService's `http`, with hosts, gateways and destinations resolved in its namespace.
import type { Destination, HttpRoute } from '#api/istio/virtual-service.ts';
import { parseDurationMs } from '#base/duration.ts';
import { messageHeaders } from '#model/build/header-changes.ts';
import { resolveHost } from '#model/build/host-resolution.ts';
import { httpAnswer } from '#model/build/http-answer.ts';
import { httpCors } from '#model/build/http-cors.ts';
import { httpFault } from '#model/build/http-fault.ts';
import { httpMatch } from '#model/build/http-match.ts';
import type { RuleContext, RulePath } from '#model/build/rule-context.ts';
import type { Retries } from '#model/retry.ts';
import type { HttpRule, Mirror, Rewrite, WeightedDestination } from '#model/virtual-service.ts';

export function httpRule(route: HttpRoute, path: RulePath, context: RuleContext): HttpRule {
  const answer = httpAnswer(route);
  const timeoutMs = durationMs(route.timeout);
  const headers = messageHeaders(route.headers);
  const retries = buildRetries(route.retries);
  const rewrite = buildRewrite(route.rewrite);
  const fault = httpFault(route.fault);
  const mirrors = httpMirrors(route, path, context);
  const cors = httpCors(route.corsPolicy);
  return {
    name: route.name ?? '',
    matches: (route.match ?? []).map((match, at) => httpMatch(match, [...path, 'match', at], context)),
    destinations: answer === undefined ? destinations(route, path, context) : [],
    ...(answer !== undefined && { answer }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(retries !== undefined && { retries }),
    ...(rewrite !== undefined && { rewrite }),
    ...(headers !== undefined && { headers }),
    ...(fault !== undefined && { fault }),
    ...(mirrors.length > 0 && { mirrors }),
    ...(cors !== undefined && { cors }),
    origin: context.origins.at(path),
  };
}

/** A rule's own retries, or those of MeshConfig.defaultHttpRetryPolicy. */
export function buildRetries(written: HttpRoute['retries']): Retries | undefined {
  if (written === undefined) return undefined;
  const perTryTimeoutMs = durationMs(written.perTryTimeout);
  const backoffMs = durationMs(written.backoff);
  return {
    attempts: written.attempts ?? 0,
    ...(written.retryOn !== undefined && written.retryOn !== '' && { retryOn: written.retryOn }),
    ...(perTryTimeoutMs !== undefined && { perTryTimeoutMs }),
    ...(backoffMs !== undefined && { backoffMs }),
    ...(written.retryIgnorePreviousHosts !== undefined && { ignorePreviousHosts: written.retryIgnorePreviousHosts }),
    ...(written.retryRemoteLocalities === true && { remoteLocalities: true }),
  };
}

function buildRewrite(written: HttpRoute['rewrite']): Rewrite | undefined {
  if (written === undefined) return undefined;
  const { uri = '', authority = '', uriRegexRewrite: regex } = written;
  return {
    ...(regex?.match !== undefined && { regex: { pattern: regex.match, replacement: regex.rewrite ?? '' } }),
    ...(regex?.match === undefined && uri !== '' && { path: uri }),
    ...(authority !== '' && { authority }),
  };
}

function durationMs(written: string | undefined): number | undefined {
  return written === undefined ? undefined : parseDurationMs(written);
}

/**
 * `mirror`, then `mirrors`. All requests are copied where no percentage is written; none where it is 0, so that there is nothing to keep. The
 * two old spellings of the percentage count where the new one is not there. Source: Istio, MirrorPercent and MirrorPercentByPolicy.
 */
function httpMirrors(route: HttpRoute, path: RulePath, context: RuleContext): readonly Mirror[] {
  const { mirror, mirrors = [], mirrorPercentage, mirrorPercent, mirror_percent } = route;
  const percent = mirrorPercentage === undefined ? (mirrorPercent ?? mirror_percent ?? 100) : (mirrorPercentage.value ?? 0);
  const single = mirror === undefined ? [] : [{ destination: destinationOf(mirror, [...path, 'mirror'], [], context), percent }];
  const several = mirrors.map(({ destination, percentage }, index) => ({
    destination: destinationOf(destination, [...path, 'mirrors', index], ['destination'], context),
    percent: percentage === undefined ? 100 : (percentage.value ?? 0),
  }));
  return [...single, ...several].filter((each) => each.percent > 0);
}

/** A single destination has all the traffic whatever its weight. */
function destinations({ route = [] }: HttpRoute, path: RulePath, context: RuleContext): readonly WeightedDestination[] {
  return route.map(({ destination, weight, headers: written }, index) => {
    const headers = messageHeaders(written);
    const { origin, ...target } = destinationOf(destination, [...path, 'route', index], ['destination'], context);
    return { ...target, weight: route.length === 1 ? 100 : (weight ?? 0), ...(headers !== undefined && { headers }), origin };
  });
}

/** `below`: where in `path` the destination itself stands. */
function destinationOf(
  { host, subset = '', port }: Destination,
  path: RulePath,
  below: RulePath,
  { namespace, settings, origins }: RuleContext,
): Mirror['destination'] {
  return {
    host: resolveHost(host, namespace, settings.domain, origins.at([...path, ...below, 'host'])),
    ...(subset !== '' && { subset }),
    ...(port?.number !== undefined && { port: port.number }),
    origin: origins.at(path),
  };
}
