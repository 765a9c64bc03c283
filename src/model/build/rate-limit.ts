// RateLimits with their defaults: per second, and as many at once as come in that time.
import type { RateLimitSpec } from '#api/heddle/rate-limit.ts';
import type { KindMap } from '#api/kinds.ts';
import { parseDurationMs } from '#base/duration.ts';
import type { Origin } from '#base/origin.ts';
import { stringMatch } from '#model/build/http-match.ts';
import { targetReferences } from '#model/build/target-references.ts';
import type { RateLimit, RateLimitKey, RateLimitRule } from '#model/rate-limit.ts';

type WrittenRule = NonNullable<RateLimitSpec['rules']>[number];

const defaultPerMs = 1000;

export function buildRateLimit({ metadata, spec, origins }: KindMap['RateLimit']): RateLimit {
  const { selector, targetRefs, rules = [], maxBodyBytes, maxHeaderKilobytes } = spec;
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    ...(selector?.matchLabels !== undefined && { selector: selector.matchLabels }),
    ...(targetRefs !== undefined && { targets: targetReferences(targetRefs, origins) }),
    rules: rules.map((rule, index) => buildRule(rule, origins.at(['spec', 'rules', index]))),
    ...(maxBodyBytes !== undefined && { maxBodyBytes }),
    ...(maxHeaderKilobytes !== undefined && { maxHeaderKilobytes }),
    origin: origins.start,
  };
}

function buildRule({ name, match = {}, by = [], limit }: WrittenRule, origin: Origin): RateLimitRule {
  const { uri, method, authority, headers, queryParams } = match;
  return {
    name,
    ...(uri !== undefined && { uri: stringMatch(uri, false) }),
    ...(method !== undefined && { method: stringMatch(method, false) }),
    ...(authority !== undefined && { authority: stringMatch(authority, false) }),
    headers: named(headers, (header) => header.toLowerCase()),
    queryParameters: named(queryParams, (parameter) => parameter),
    by: by.map(keyOf),
    requests: limit.requests,
    perMs: limit.per === undefined ? defaultPerMs : (parseDurationMs(limit.per) ?? defaultPerMs),
    burst: limit.burst ?? limit.requests,
    origin,
  };
}

function keyOf({ header, claim }: NonNullable<WrittenRule['by']>[number]): RateLimitKey {
  if (claim !== undefined) return { kind: 'claim', path: claim.split('.') };
  return header === undefined ? { kind: 'client-address' } : { kind: 'header', name: header.toLowerCase() };
}

function named(written: NonNullable<WrittenRule['match']>['headers'], nameOf: (name: string) => string): RateLimitRule['headers'] {
  return Object.entries(written ?? {})
    .map(([name, match]) => ({ name: nameOf(name), match: stringMatch(match, false) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
