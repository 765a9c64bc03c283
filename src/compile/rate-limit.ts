// In: a RateLimit. Out: the changes it makes to the connection managers of the proxies it is for, as patches of Envoy's API, which act before
// those of EnvoyFilters: the local rate limit filter, the buffer filter, the size of header fields.
import type { JsonObject } from '@bufbuild/protobuf';
import type { Origin } from '#base/origin.ts';
import { jwtFilter, payloadKey } from '#compile/jwt.ts';
import type { EnvoyPatch } from '#model/envoy-filter.ts';
import type { RateLimit, RateLimitKey, RateLimitRule } from '#model/rate-limit.ts';
import type { StringMatch } from '#model/string-match.ts';

const manager = 'envoy.filters.network.http_connection_manager';
const always: JsonObject = { default_value: { numerator: 100, denominator: 'HUNDRED' } };

/** Requests are counted where they come in: at the workload's own door, or at the gateway. */
export function rateLimitPatches(limit: RateLimit): readonly EnvoyPatch[] {
  return (['sidecar-inbound', 'gateway'] as const).flatMap((context) => [
    ...(limit.rules.length === 0 ? [] : [httpFilter(context, localRateLimit(limit), limit.origin)]),
    ...(limit.maxBodyBytes === undefined ? [] : [httpFilter(context, buffer(limit, limit.maxBodyBytes), limit.origin)]),
    ...(limit.maxHeaderKilobytes === undefined ? [] : [headerSize(context, limit.maxHeaderKilobytes, limit.origin)]),
  ]);
}

type Context = Extract<EnvoyPatch['context'], 'sidecar-inbound' | 'gateway'>;

function httpFilter(context: Context, value: JsonObject, origin: Origin): EnvoyPatch {
  return {
    applyTo: 'HTTP_FILTER',
    context,
    proxy: { metadata: {} },
    listener: { filterChain: { filter: manager, subFilter: 'envoy.filters.http.router' } },
    operation: 'INSERT_BEFORE',
    value,
    origin,
  };
}

function headerSize(context: Context, kilobytes: number, origin: Origin): EnvoyPatch {
  const config = { '@type': typeUrl('filters.network.http_connection_manager.v3.HttpConnectionManager'), max_request_headers_kb: kilobytes };
  return {
    applyTo: 'NETWORK_FILTER',
    context,
    proxy: { metadata: {} },
    listener: { filterChain: { filter: manager } },
    operation: 'MERGE',
    value: { typed_config: config },
    origin,
  };
}

function typeUrl(name: string): string {
  return `type.googleapis.com/envoy.extensions.${name}`;
}

/** The buffer filter answers a longer body with 413. */
function buffer({ namespace, name }: RateLimit, maxBodyBytes: number): JsonObject {
  const config = { '@type': typeUrl('filters.http.buffer.v3.Buffer'), max_request_bytes: maxBodyBytes };
  return { name: `heddle.buffer.${namespace}.${name}`, typed_config: config };
}

/**
 * One filter for all rules. Each rule is a descriptor, its name and the values it counts by; a value that is left open stands for any, with
 * tokens of its own. There is no bucket for requests that no rule matches.
 */
function localRateLimit({ namespace, name, rules }: RateLimit): JsonObject {
  const config: JsonObject = {
    '@type': typeUrl('filters.http.local_ratelimit.v3.LocalRateLimit'),
    stat_prefix: `${namespace}.${name}`,
    filter_enabled: always,
    filter_enforced: always,
    always_consume_default_token_bucket: false,
    enable_x_ratelimit_headers: 'DRAFT_VERSION_03',
    max_dynamic_descriptors: maxClients,
    response_headers_to_add: [
      { header: { key: 'retry-after', value: String(retryAfterSeconds(rules)) }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' },
    ],
    rate_limits: rules.map((rule) => ({ actions: [matchAction(rule), ...queryActions(rule), ...rule.by.map(keyAction)] })),
    descriptors: rules.map((rule) => ({
      entries: [
        { key: 'rule', value: rule.name },
        ...queryActions(rule).map(() => ({ key: 'query', value: rule.name })),
        ...rule.by.map((key) => ({ key: descriptorKey(key) })),
      ],
      token_bucket: { max_tokens: rule.burst, tokens_per_fill: rule.requests, fill_interval: `${rule.perMs / 1000}s` },
    })),
  };
  return { name: `heddle.rate-limit.${namespace}.${name}`, typed_config: config };
}

/** Clients that are told apart at one time; of more, those that were not seen for longest begin anew. */
const maxClients = 10_000;

/** When the slowest of the rules has a token again: the answer cannot tell which of them refused. */
function retryAfterSeconds(rules: readonly RateLimitRule[]): number {
  return Math.max(1, ...rules.map(({ perMs, requests }) => Math.ceil(perMs / requests / 1000)));
}

function descriptorKey(key: RateLimitKey): string {
  if (key.kind === 'client-address') return 'remote_address';
  return key.kind === 'header' ? key.name : `claim.${key.path.join('.')}`;
}

function keyAction(key: RateLimitKey): JsonObject {
  switch (key.kind) {
    case 'client-address':
      return { remote_address: {} };
    case 'header':
      return { request_headers: { header_name: key.name, descriptor_key: key.name } };
    case 'claim': {
      const path = [payloadKey, ...key.path].map((name) => ({ key: name }));
      return { metadata: { descriptor_key: descriptorKey(key), metadata_key: { key: jwtFilter, path }, source: 'DYNAMIC' } };
    }
  }
}

function matchAction(rule: RateLimitRule): JsonObject {
  const { uri, method, authority, headers } = rule;
  const matchers: JsonObject[] = [
    ...(uri === undefined ? [] : [{ name: ':path', string_match: pathMatch(uri) }]),
    ...(method === undefined ? [] : [{ name: ':method', string_match: textMatch(method) }]),
    ...(authority === undefined ? [] : [{ name: ':authority', string_match: textMatch(authority) }]),
    ...headers.map(({ name, match }) => (match.kind === 'present' ? { name, present_match: true } : { name, string_match: textMatch(match) })),
  ];
  const value = { descriptor_key: 'rule', descriptor_value: rule.name };
  return matchers.length === 0 ? { generic_key: value } : { header_value_match: { ...value, headers: matchers } };
}

function queryActions({ name: rule, queryParameters }: RateLimitRule): readonly JsonObject[] {
  if (queryParameters.length === 0) return [];
  const parameters = queryParameters.map(({ name, match }) =>
    match.kind === 'present' ? { name, present_match: true } : { name, string_match: textMatch(match) },
  );
  return [{ query_parameter_value_match: { descriptor_key: 'query', descriptor_value: rule, query_parameters: parameters } }];
}

function textMatch(match: StringMatch): JsonObject {
  switch (match.kind) {
    case 'exact':
      return { exact: match.value };
    case 'prefix':
      return { prefix: match.value };
    case 'regex':
      return { safe_regex: { regex: match.value } };
    case 'present':
      return { safe_regex: { regex: '.*' } };
  }
}

/** `:path` has the query with it, which a match of the path does not see. */
function pathMatch(match: StringMatch): JsonObject {
  if (match.kind === 'exact') return { safe_regex: { regex: `${escaped(match.value)}(\\?.*)?` } };
  return match.kind === 'regex' ? { safe_regex: { regex: `(?:${match.value})(\\?.*)?` } } : textMatch(match);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
