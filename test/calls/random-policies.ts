// Random RBAC configurations, for requests and for connections, and what is likely to meet them: all that a policy can ask about, with paths, tokens,
// addresses and client certificates as somebody might send who means to get past them.
import type { JsonObject } from '@bufbuild/protobuf';
import fc from 'fast-check';

/** Stands for the listener's own port, which is not known here. */
export const ownPort = 65_000;

const cidr = (address_prefix: string, prefix_len: number): JsonObject => ({ address_prefix, prefix_len });
const range = fc.constantFrom(
  cidr('127.0.0.0', 8),
  cidr('127.0.0.1', 32),
  cidr('127.0.0.2', 31),
  cidr('10.0.0.0', 8),
  cidr('203.0.113.0', 24),
  cidr('0.0.0.0', 0),
  cidr('::1', 128),
  cidr('2001:db8::', 32),
  cidr('::', 0),
);

/** Of the words some are met. */
function stringMatch(...words: readonly string[]): fc.Arbitrary<JsonObject> {
  const word = fc.constantFrom(...words);
  return fc.oneof(
    fc.tuple(word, fc.boolean()).map(([exact, ignore_case]): JsonObject => ({ exact, ignore_case })),
    fc.tuple(word, fc.nat(6), fc.boolean()).map(([text, cut, ignore_case]): JsonObject => ({ prefix: text.slice(0, cut + 1), ignore_case })),
    fc.tuple(word, fc.nat(6), fc.boolean()).map(([text, cut, ignore_case]): JsonObject => ({ suffix: text.slice(-cut - 1), ignore_case })),
    fc.tuple(word, fc.boolean()).map(([text, ignore_case]): JsonObject => ({ contains: text.slice(1, 4) || text, ignore_case })),
    fc
      .oneof(
        word.map((text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')),
        word.map((text) => `.*${text.slice(2).replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}`),
        fc.constantFrom('.+', '.*', '/[^/]*', '[a-z]+', '(?i)A.*', 'a|b', '/a(/.*)?'),
      )
      .map((regex): JsonObject => ({ safe_regex: { regex } })),
  );
}

const header: fc.Arbitrary<JsonObject> = fc.oneof(
  fc
    .tuple(
      fc.oneof(
        stringMatch('GET', 'POST', 'get').map((string_match): JsonObject => ({ name: ':method', string_match })),
        stringMatch('a.com', 'A.com', 'x.a.com', 'a.com:80').map((string_match): JsonObject => ({ name: ':authority', string_match })),
        stringMatch('a.com', 'x.a.com').map((string_match): JsonObject => ({ name: 'host', string_match })),
        stringMatch('/a', '/a/b?q=1', '/').map((string_match): JsonObject => ({ name: ':path', string_match })),
        stringMatch('a', 'ab', 'AB', 'a,b', '1').map((string_match): JsonObject => ({ name: 'x-a', string_match })),
        stringMatch('a', 'b').map((string_match): JsonObject => ({ name: 'X-B', string_match })),
        stringMatch('https', 'http').map((string_match): JsonObject => ({ name: ':scheme', string_match })),
        fc.constantFrom<JsonObject>(
          { name: 'x-a', present_match: true },
          { name: 'x-b', present_match: false },
          { name: 'x-a' },
          { name: 'x-a', range_match: { start: '0', end: '10' } },
        ),
      ),
      fc.constantFrom(false, false, true),
      fc.constantFrom(false, false, false, true),
    )
    .map(([match, invert_match, treat_missing_header_as_empty]): JsonObject => ({ ...match, invert_match, treat_missing_header_as_empty })),
);

const urlPath: fc.Arbitrary<JsonObject> = stringMatch('/a', '/a/b', '/A', '/ab', '/a%2fb', '/a//b', '/').map((path) => ({ path }));

const uriTemplate: fc.Arbitrary<JsonObject> = fc
  .constantFrom('/*', '/**', '/a/*', '/a/**', '/{x}/b', '/*/b', '/a/{n=*}/c', '/{n=a/*}', '/**.b', '/a/', '/a', '/{x}/{y}', '/*/**', '/a/*.b')
  .map((path_template) => ({
    name: 'uri-template',
    typed_config: { '@type': 'type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig', path_template },
  }));

const valueLeaf: fc.Arbitrary<JsonObject> = fc.oneof(
  { weight: 4, arbitrary: stringMatch('alice', 'bob', 'me', 'shop', 'web', 'p0', 'denied').map((string_match): JsonObject => ({ string_match })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<JsonObject>(
      { null_match: {} },
      { bool_match: true },
      { bool_match: false },
      { present_match: true },
      { present_match: false },
      { double_match: { exact: 7 } },
      { double_match: { range: { start: 1, end: 7.5 } } },
    ),
  },
);

const { value } = fc.letrec<{ value: JsonObject }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    valueLeaf,
    tie('value').map((one_of): JsonObject => ({ list_match: { one_of } })),
    fc.array(tie('value'), { minLength: 2, maxLength: 3 }).map((value_matchers): JsonObject => ({ or_match: { value_matchers } })),
  ),
}));

/** Of tokens, as Istio asks for them, and of the shadow rules before. */
const metadata: fc.Arbitrary<JsonObject> = fc
  .tuple(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc
          .constantFrom('iss', 'sub', 'aud', 'number', 'admin', 'none', 'groups', 'deep.list', 'deep')
          .map((path) => ['envoy.filters.http.jwt_authn', `payload.${path}`]),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom('s_shadow_engine_result', 's_shadow_effective_policy_id').map((path) => ['envoy.filters.http.rbac', path]),
      },
      { weight: 1, arbitrary: fc.constantFrom(['envoy.common', 'access_log_hint'], ['nobody', 'x']) },
    ),
    value,
    fc.constantFrom(false, false, false, true),
  )
  .map(([[filter = '', path = ''], found, invert]): JsonObject => ({ filter, path: path.split('.').map((key) => ({ key })), value: found, invert }));

const clientName = stringMatch('spiffe://mesh/ns/a/sa/x', 'spiffe://mesh/ns/b/sa/y', 'client.example', 'CN=plain', 'spiffe://other/ns/a/sa/x');
const istioName = fc
  .constantFrom('.*/ns/a/.*', '.*/ns/b/.*', 'spiffe://.+/ns/a/(.+/|)sa/x(/.+)?', 'spiffe://mesh/.*', 'spiffe://.*/sa/y')
  .map((regex): JsonObject => ({ safe_regex: { regex } }));
const authenticated = fc.oneof(
  { weight: 4, arbitrary: fc.oneof(clientName, istioName).map((principal_name): JsonObject => ({ principal_name })) },
  { weight: 1, arbitrary: fc.constant<JsonObject>({}) },
);

type Layer = 'http' | 'network';

/** Envoy refuses rules about headers for raw connections. */
function ofRequests(layer: Layer, key: string): readonly fc.Arbitrary<JsonObject>[] {
  return layer === 'http' ? [header.map((found): JsonObject => ({ [key]: found }))] : [];
}

function permissionFor(layer: Layer): fc.Arbitrary<JsonObject> {
  return fc.letrec<{ permission: JsonObject }>((tie) => ({
    permission: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constant<JsonObject>({ any: true }),
      ...ofRequests(layer, 'header'),
      urlPath.map((found): JsonObject => ({ url_path: found })),
      uriTemplate.map((found): JsonObject => ({ uri_template: found })),
      range.map((found): JsonObject => ({ destination_ip: found })),
      fc.constantFrom<JsonObject>(
        { destination_port: 1 },
        { destination_port: ownPort },
        { destination_port_range: { start: 1024, end: 65_536 } },
        { destination_port_range: { start: 0, end: 8 } },
      ),
      stringMatch('a.example.com', 'b.example.com', 'x').map((requested_server_name): JsonObject => ({ requested_server_name })),
      metadata.map((found): JsonObject => ({ metadata: found })),
      tie('permission').map((found): JsonObject => ({ not_rule: found })),
      fc.array(tie('permission'), { minLength: 1, maxLength: 3 }).map((rules): JsonObject => ({ and_rules: { rules } })),
      fc.array(tie('permission'), { minLength: 1, maxLength: 3 }).map((rules): JsonObject => ({ or_rules: { rules } })),
    ),
  })).permission;
}

function principalFor(layer: Layer): fc.Arbitrary<JsonObject> {
  return fc.letrec<{ principal: JsonObject }>((tie) => ({
    principal: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constant<JsonObject>({ any: true }),
      authenticated.map((found): JsonObject => ({ authenticated: found })),
      range.map((found): JsonObject => ({ direct_remote_ip: found })),
      range.map((found): JsonObject => ({ source_ip: found })),
      range.map((found): JsonObject => ({ remote_ip: found })),
      ...ofRequests(layer, 'header'),
      urlPath.map((found): JsonObject => ({ url_path: found })),
      metadata.map((found): JsonObject => ({ metadata: found })),
      fc.constant<JsonObject>({ filter_state: { key: 'io.istio.peer_principal', string_match: { prefix: 'spiffe://' } } }),
      tie('principal').map((found): JsonObject => ({ not_id: found })),
      fc.array(tie('principal'), { minLength: 1, maxLength: 3 }).map((ids): JsonObject => ({ and_ids: { ids } })),
      fc.array(tie('principal'), { minLength: 1, maxLength: 3 }).map((ids): JsonObject => ({ or_ids: { ids } })),
    ),
  })).principal;
}

function policyFor(layer: Layer): fc.Arbitrary<JsonObject> {
  return fc
    .tuple(fc.array(permissionFor(layer), { minLength: 1, maxLength: 2 }), fc.array(principalFor(layer), { minLength: 1, maxLength: 2 }))
    .map(([permissions, principals]): JsonObject => ({ permissions, principals }));
}

const policies: Readonly<Record<Layer, fc.Arbitrary<JsonObject>>> = { http: policyFor('http'), network: policyFor('network') };

/** envoy.config.rbac.v3.RBAC, with `most` policies at most. */
export function rbacRules(layer: Layer, most: number, ...actions: readonly string[]): fc.Arbitrary<JsonObject> {
  return fc
    .tuple(fc.constantFrom(...actions), fc.array(policies[layer], { minLength: 1, maxLength: most }))
    .map(([action, list]) => ({ action, policies: Object.fromEntries(list.map((each, index) => [`p${index} of ${index % 3}`, each])) }));
}

/** The filters before the router: of each RBAC with rules, shadow rules or both. */
export const httpPolicies: fc.Arbitrary<readonly JsonObject[]> = fc.array(
  fc
    .tuple(
      fc.option(rbacRules('http', 6, 'ALLOW', 'DENY', 'LOG'), { freq: 6, nil: undefined }),
      fc.option(rbacRules('http', 3, 'ALLOW', 'DENY', 'LOG'), { freq: 1, nil: undefined }),
      fc.constantFrom('', 's_'),
    )
    .map(
      ([rules, shadow_rules, shadow_rules_stat_prefix]): JsonObject => ({
        ...(rules === undefined ? {} : { rules }),
        ...(shadow_rules === undefined ? {} : { shadow_rules, shadow_rules_stat_prefix }),
      }),
    ),
  { minLength: 1, maxLength: 3 },
);

/** What a route says: rules of its own, or none at all. */
export const routePolicies: fc.Arbitrary<JsonObject | undefined> = fc.option(
  fc
    .option(rbacRules('http', 4, 'ALLOW', 'DENY'), { freq: 4, nil: undefined })
    .map((rules): JsonObject => (rules === undefined ? {} : { rbac: { rules } })),
  { freq: 1, nil: undefined },
);

/** Fields of the connection manager that decide what policies see. */
export const managerFields: fc.Arbitrary<JsonObject> = fc.record({
  use_remote_address: fc.boolean(),
  xff_num_trusted_hops: fc.constantFrom(0, 0, 1, 2),
  normalize_path: fc.boolean(),
  merge_slashes: fc.boolean(),
  path_with_escaped_slashes_action: fc.constantFrom('KEEP_UNCHANGED', 'KEEP_UNCHANGED', 'REJECT_REQUEST', 'UNESCAPE_AND_FORWARD'),
});

export type Visitor = {
  /** The address of 127.0.0.0/8 it comes from. */
  readonly from: string;
  /** Over TLS: the server name, and which certificate it shows. */
  readonly serverName: string;
  readonly certificate: 'none' | 'x' | 'y' | 'plain';
};

export const visitor: fc.Arbitrary<Visitor> = fc.record({
  from: fc.constantFrom('127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.9'),
  serverName: fc.constantFrom('', 'a.example.com', 'b.example.com', 'A.example.com'),
  certificate: fc.constantFrom('none', 'x', 'x', 'y', 'plain'),
});

export type PolicyRequest = {
  readonly visitor: Visitor;
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** Claims of its token; undefined: it has none. */
  readonly claims: JsonObject | undefined;
};

const claims: fc.Arbitrary<JsonObject> = fc
  .tuple(
    fc.constantFrom('alice', 'bob', 'al'),
    fc.subarray<JsonObject>([
      { aud: ['shop', 'web'] },
      { aud: 'shop' },
      { number: 7 },
      { admin: true },
      { none: null },
      { groups: ['alice', 7, true, null] },
      { deep: { list: [['me'], ['web']] } },
    ]),
  )
  .map(([sub, more]): JsonObject => Object.assign({ iss: 'me', sub }, ...more) as JsonObject); // pieces of one object

const word = fc.constantFrom('a', 'ab', 'AB', '1', '5', '10', 'b');

export const policyRequest: fc.Arbitrary<PolicyRequest> = fc.record({
  visitor,
  method: fc.constantFrom('GET', 'GET', 'POST', 'HEAD', 'OPTIONS'),
  authority: fc.constantFrom('a.com', 'A.com', 'x.a.com', 'a.com:80', 'other'),
  path: fc
    .tuple(
      fc.constantFrom(
        '/',
        '/a',
        '/a/',
        '/a/b',
        '/a/b.b',
        '/A',
        '/ab',
        '/a/x/c',
        '/a%2fb',
        '/a%2Fb',
        '/a//b',
        '/a/./b',
        '/x/../a',
        '/%61',
        '/a;v=1',
        '/a%',
        '/a%zz',
        '/a=b',
        '/a*',
        '//a',
        '/a%00',
        '/a/%2e%2e/b',
        '/a%5cb',
        '/a\\b',
      ),
      fc.constantFrom('', '', '?q=1', '?', '?q=/a'),
    )
    .map(([base, rest]) => base + rest),
  headers: fc
    .record(
      {
        'x-a': fc.oneof(word, fc.constant(['a', 'b'])),
        'x-b': word,
        'x-forwarded-for': fc.constantFrom('10.0.0.1', '203.0.113.7, 10.0.0.1', '2001:db8::1', 'unknown', '127.0.0.1,203.0.113.9', '10.0.0.1:80'),
        'x-forwarded-proto': fc.constantFrom('https', 'http'),
      },
      { requiredKeys: [] },
    )
    .map((found) => found as Readonly<Record<string, string | readonly string[]>>), // keys that are missing are not there
  claims: fc.option(claims, { freq: 2, nil: undefined }),
});
