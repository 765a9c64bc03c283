// External authorisers on both data planes: the same configurations, requests and answers, and what the authoriser, the backend, the client and the
// access log see. Where Envoy is there, all of it must be equal.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { type GrpcAnswer, type HttpAnswered, type RawAnswer, startGrpcAuthorizer, startHttpAuthorizer } from '#test/support/authorizer.ts';
import { bootstrap, cluster, fileLog, httpChain, listener, type Part, typedConfig, upstreamProtocol } from '#test/support/bootstrap-parts.ts';
import { startPlane } from '#test/support/both-planes.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { type HttpCall, httpCall } from '#test/support/http-call.ts';
import { listenPorts } from '#test/support/listen-ports.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';

type Scenario = {
  readonly name: string;
  /** Fields of ExtAuthz beside its service; `service` beside the cluster of that. */
  readonly config?: JsonObject;
  readonly service?: JsonObject;
  readonly route?: Part;
  /** Filters before it. */
  readonly before?: readonly JsonObject[];
  readonly call?: Omit<HttpCall, 'port' | 'path'> & { readonly path?: string };
  readonly cluster?: string;
} & ({ readonly grpc: GrpcAnswer } | { readonly http: HttpAnswered | RawAnswer | 'hang' });

/** What was seen of one call, without what differs by nature. */
type Seen = { readonly status: number; readonly body: string; readonly headers: JsonObject; readonly line: string; readonly asked: JsonValue };

const ok: JsonObject = { status: { code: 0 } };
const no: JsonObject = { status: { code: 7 } };
const header = (key: string, value: string, more: JsonObject = {}): JsonObject => ({ header: { key, value }, ...more });
const exact = (...names: string[]): JsonObject => ({ patterns: names.map((name) => ({ exact: name, ignore_case: true })) });
const shadow = (prefix: string): JsonObject => ({
  name: 'envoy.filters.http.rbac',
  typed_config: typedConfig('extensions.filters.http.rbac.v3.RBAC', {
    shadow_rules_stat_prefix: 'istio_ext_authz_',
    shadow_rules: {
      action: 'DENY',
      policies: { 'istio-ext-authz-p-x': { permissions: [{ url_path: { path: { prefix } } }], principals: [{ any: true }] } },
    },
  }) as JsonObject,
});
const enabledByShadow: JsonObject = {
  filter_enabled_metadata: {
    filter: 'envoy.filters.http.rbac',
    path: [{ key: 'istio_ext_authz_shadow_effective_policy_id' }],
    value: { string_match: { prefix: 'istio-ext-authz' } },
  },
};
const body = (more: JsonObject): JsonObject => ({ with_request_body: { max_request_bytes: 10, ...more } });
const post = (text: string): NonNullable<Scenario['call']> => ({ method: 'POST', body: text, headers: { 'content-length': String(text.length) } });

const shownMetadata = ['ext_authz:found', 'ext_authz:deep:a', 'ext_authz:deep:list', 'rbac:istio_ext_authz_shadow_engine_result']
  .map((name) => `%DYNAMIC_METADATA(envoy.filters.http.${name})%`)
  .join(' ');

const scenarios: readonly Scenario[] = [
  { name: 'allowed', grpc: ok, call: { headers: { 'x-a': ['1', '2'], authorization: 'Bearer t' } } },
  { name: 'denied', grpc: no },
  {
    name: 'denied with all',
    grpc: {
      ...no,
      denied_response: {
        status: { code: 418 },
        headers: [header('x-why', 'tea'), header('set-cookie', 'a=1'), header('set-cookie', 'b=2')],
        body: 'no tea',
      },
    },
  },
  {
    name: 'allowed with changes',
    grpc: {
      ...ok,
      ok_response: {
        headers: [
          header('x-set', 'new'),
          header('x-append', 'more', { append: true }),
          header('x-none', 'nothing', { append: true }),
          header('x-user', 'me', { append: false }),
        ],
        headers_to_remove: ['x-remove', ':path', 'host'],
        response_headers_to_add: [
          header('x-back', 'b'),
          header('x-server', 'mine', { append: false }),
          header('x-server', 'other', { append: true }),
        ],
        query_parameters_to_set: [
          { key: 'q', value: '2' },
          { key: 'r', value: '3' },
        ],
        query_parameters_to_remove: ['gone'],
      },
    },
    call: { path: '/a?q=1&gone=x&q=5&k', headers: { 'x-set': 'old', 'x-append': 'first', 'x-remove': 'x' } },
  },
  { name: 'late', grpc: 'hang', service: { timeout: '0.1s' } },
  { name: 'late, passes', grpc: 'hang', service: { timeout: '0.1s' }, config: { failure_mode_allow: true, failure_mode_allow_header_add: true } },
  { name: 'garbage', grpc: 'garbage' },
  { name: 'broken', grpc: 'fail', config: { status_on_error: { code: 'ServiceUnavailable' } } },
  { name: 'nobody there', grpc: ok, cluster: 'dead' },
  { name: 'nobody there, passes', grpc: ok, cluster: 'dead', config: { failure_mode_allow: true } },
  { name: 'allowed headers only', grpc: ok, config: { allowed_headers: exact('x-a') }, call: { headers: { 'x-a': '1', 'x-b': '2' } } },
  { name: 'disallowed headers', grpc: ok, config: { disallowed_headers: exact('x-a') }, call: { headers: { 'x-a': '1', 'x-b': '2' } } },
  { name: 'whole body', grpc: ok, config: body({}), call: post('0123456789') },
  { name: 'body as bytes', grpc: ok, config: body({ pack_as_bytes: true }), call: post('012') },
  { name: 'body too large', grpc: ok, config: body({}), call: post('0123456789a') },
  { name: 'part of the body', grpc: ok, config: body({ allow_partial_message: true }), call: post('0123456789abcdef') },
  { name: 'no body', grpc: ok, config: body({}) },
  { name: 'body of a denied request', grpc: no, config: body({ allow_partial_message: true }), call: post('0123456789abcdef') },
  {
    name: 'route switches it off',
    grpc: no,
    route: { authz: typedConfig('extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute', { disabled: true }) },
  },
  {
    name: 'route gives context',
    grpc: ok,
    config: body({}),
    call: post('0123'),
    route: {
      authz: typedConfig('extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute', {
        check_settings: { context_extensions: { a: '1', b: '2' }, disable_request_body_buffering: true },
      }),
    },
  },
  { name: 'asked where shadow rules match', grpc: no, before: [shadow('/a')], config: enabledByShadow, call: { path: '/abc' } },
  { name: 'not asked where they do not', grpc: no, before: [shadow('/a')], config: enabledByShadow, call: { path: '/b' } },
  { name: 'denied where not asked', grpc: no, config: { ...enabledByShadow, deny_at_disable: { default_value: true, runtime_key: 'none' } } },
  { name: 'tells metadata', grpc: ok, before: [shadow('/')], config: { metadata_context_namespaces: ['envoy.filters.http.rbac', 'none'] } },
  { name: 'leaves metadata', grpc: { ...ok, dynamic_metadata: { found: 'out', deep: { a: 1, list: [true, 'b'] } } } },
  { name: 'leaves metadata and denies', grpc: { ...no, dynamic_metadata: { found: 'out' } } },
  { name: 'changes that cannot be', grpc: { ...ok, ok_response: { headers: [header('x-a', 'b\nc')] } }, config: { validate_mutations: true } },
  { name: 'a gRPC client is denied', grpc: no, call: { headers: { 'content-type': 'application/grpc' } } },
  {
    name: 'HTTP: allowed',
    http: { status: 200, headers: { 'x-user': 'me' } },
    call: { path: '/p?q=1', headers: { authorization: 't', cookie: 'c', 'x-a': '1' } },
  },
  {
    name: 'HTTP: allowed with changes',
    http: { status: 200, headers: { 'x-user': 'me', 'x-more': 'b', 'x-client': 'c', 'x-envoy-auth-headers-to-remove': 'x-a, x-b' } },
    service: {
      path_prefix: '/check',
      authorization_request: { headers_to_add: [{ key: 'x-to', value: 'added' }] },
      authorization_response: {
        allowed_upstream_headers: exact('x-user'),
        allowed_upstream_headers_to_append: exact('x-more'),
        allowed_client_headers_on_success: exact('x-client'),
      },
    },
    config: { allowed_headers: exact('x-a', 'x-long') },
    call: { path: '/p?q=1', headers: { 'x-user': 'fake', 'x-more': 'a', 'x-a': '1', 'x-b': '2' } },
  },
  {
    name: 'HTTP: denied',
    http: {
      status: 401,
      headers: { 'www-authenticate': 'Basic', 'x-why': 'w', 'content-type': 'text/html', 'set-cookie': ['a=1', 'b=2'] },
      body: '<p>no</p>',
    },
  },
  {
    name: 'HTTP: denied, some headers',
    http: { status: 302, headers: { location: '/login', 'x-why': 'w', 'x-not': 'n' }, body: 'there' },
    service: { authorization_response: { allowed_client_headers: exact('x-why') } },
  },
  { name: 'HTTP: broken', http: { status: 503, body: 'no' } },
  { name: 'HTTP: other than 200', http: { status: 204 } },
  { name: 'HTTP: late', http: 'hang', service: { server_uri: { uri: 'http://a', cluster: 'http', timeout: '0.1s' } } },
  { name: 'HTTP: no HTTP at all', http: { raw: 'nonsense\r\n\r\n' } },
  { name: 'HTTP: a status that is none', http: { raw: 'HTTP/1.1 2OO OK\r\ncontent-length: 0\r\n\r\n' } },
  { name: 'HTTP: a length that is none', http: { raw: 'HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n' } },
  { name: 'HTTP: ends within its fields', http: { raw: 'HTTP/1.1 200 OK\r\nx-a: ' } },
  { name: 'HTTP: ends within its body', http: { raw: 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nab' } },
  { name: 'HTTP: ends within its chunks', http: { raw: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab' } },
  {
    name: 'HTTP: begins, and does not end in time',
    http: { raw: 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nab', stays: true },
    service: { server_uri: { uri: 'http://a', cluster: 'http', timeout: '0.1s' } },
  },
  { name: 'HTTP: nobody there', http: { status: 200 }, cluster: 'dead' },
  { name: 'HTTP: nobody there, passes', http: { status: 200 }, cluster: 'dead', config: { failure_mode_allow: true } },
  { name: 'HTTP: with body', http: { status: 200 }, config: body({ allow_partial_message: true }), call: post('0123456789abcdef') },
];

function filterOf(scenario: Scenario): JsonObject {
  const isHttp = 'http' in scenario;
  const name = scenario.cluster ?? (isHttp ? 'http' : 'grpc');
  const service = isHttp
    ? { http_service: { server_uri: { uri: 'http://a', cluster: name, timeout: '5s' }, ...scenario.service } }
    : { grpc_service: { envoy_grpc: { cluster_name: name, authority: 'authorizer.example' }, timeout: '5s', ...scenario.service } };
  const config = typedConfig('extensions.filters.http.ext_authz.v3.ExtAuthz', { transport_api_version: 'V3', ...service, ...scenario.config });
  return { name: 'authz', typed_config: config as JsonObject }; // made of JSON
}

/** `stats`: gets the counters of the filters. */
async function runAll(binary: string | undefined, stats: string[] = []): Promise<ReadonlyMap<string, Seen>> {
  const answers = new Map(scenarios.map((scenario, index) => [`/s${index}`, scenario]));
  const of = (path: string): Scenario | undefined => answers.get(path) ?? answers.get(/^(?:\/check)?(\/s\d+)/.exec(path)?.[1] ?? '');
  await using grpc = await startGrpcAuthorizer((path) => {
    const found = of(path);
    return found !== undefined && 'grpc' in found ? found.grpc : 'fail';
  });
  await using http = await startHttpAuthorizer((path) => {
    const found = of(path);
    return found !== undefined && 'http' in found ? found.http : { status: 500 };
  });
  await using backend = await startBackend();
  await using folder = await temporaryFolder();
  const ports = await listenPorts(scenarios.length);
  const router = { name: 'router', typed_config: typedConfig('extensions.filters.http.router.v3.Router') };
  const listeners = scenarios.map((scenario, index) => {
    const manager = {
      http_filters: [...(scenario.before ?? []), filterOf(scenario), router],
      access_log: [fileLog(join(folder.path, `${index}.log`), `%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% ${shownMetadata}\n`)],
    };
    const rewritten = { match: { prefix: '/' }, route: { cluster: 'backend' }, typed_per_filter_config: scenario.route ?? {} };
    return listener(`l${index}`, ports[index] ?? 0, [httpChain([rewritten], manager)]);
  });
  const clusters = [
    cluster('backend', backend.port),
    cluster('grpc', grpc.port, upstreamProtocol('http2')),
    cluster('http', http.port),
    cluster('dead', 1, upstreamProtocol('http2')),
  ];
  await using plane = await startPlane(binary, bootstrap(listeners, clusters));
  assert.ok(plane.kind);
  const seen = new Map<string, Omit<Seen, 'line'>>();
  for (const [index, scenario] of scenarios.entries()) {
    // The path says which scenario it is, but where rules ask for paths.
    const path = `${scenario.before === undefined ? `/s${index}` : ''}${scenario.call?.path ?? (scenario.before === undefined ? '' : '/')}`;
    answers.set(path, scenario);
    const asked = 'http' in scenario ? http.asked : grpc.asked;
    const before = asked.length;
    const { status, body: text, headers } = await httpCall({ ...scenario.call, port: ports[index] ?? 0, path });
    const questions = JSON.parse(JSON.stringify(asked.slice(before))) as JsonValue[]; // what was made of JSON
    seen.set(scenario.name, { status, body: text, headers: steady(headers), asked: questions.map(steadyQuestion) });
  }
  stats.push(
    ...(await plane.admin('/stats')).split('\n').filter((line) => /^http\.test\.ext_authz\..*: [1-9]/.test(line) && !line.includes('disabled')),
  );
  const lines = new Map<string, Seen>();
  for (const [index, { name }] of scenarios.entries()) {
    const file = join(folder.path, `${index}.log`);
    const line = await waitUntil('the access log line', async () => (await readFile(file, 'utf8').catch(() => '')).trim() || undefined);
    const rest = seen.get(name);
    if (rest !== undefined) lines.set(name, { ...rest, line });
  }
  return lines;
}

/** Tells what it was asked. */
async function startBackend(): Promise<{ readonly port: number } & AsyncDisposable> {
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (part: string) => (text += part));
    request.on('end', () => {
      const headers = Object.entries(request.headersDistinct).map(([name, values]): [string, JsonValue] => [name, (values ?? []).join(' | ')]);
      response.setHeader('x-server', 'theirs');
      response.end(JSON.stringify({ method: request.method, url: request.url, body: text, headers: steady(Object.fromEntries(headers)) }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return {
    port: (server.address() as AddressInfo).port, // it listens on TCP
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const ofTheMoment = new Set([
  'date',
  'x-request-id',
  'x-envoy-upstream-service-time',
  'x-forwarded-for',
  'host',
  ':authority',
  'grpc-timeout',
  'x-envoy-expected-rq-timeout-ms',
]);

/** In order of names, without what belongs to the moment. Whether the connection stays is for each proxy to say. */
function steady(headers: Readonly<Record<string, JsonValue>>): JsonObject {
  const kept = Object.entries(headers).filter(([name]) => !['connection', 'keep-alive'].includes(name));
  return Object.fromEntries(
    kept.map(([name, value]): [string, JsonValue] => [name, ofTheMoment.has(name) ? '*' : value]).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function steadyQuestion(question: JsonValue): JsonValue {
  const text = JSON.stringify(question, (key, value: JsonValue) => {
    if (['time', 'id', 'port_value', 'host'].includes(key)) return '*';
    return ['headers', 'context_extensions', 'call', 'envoy.filters.http.rbac'].includes(key) &&
      typeof value === 'object' &&
      value !== null &&
      !Array.isArray(value)
      ? steady(value)
      : value;
  });
  return JSON.parse(text) as JsonValue;
}

void test('embedded proxy: requests pass, fail and are changed as the authoriser says', async () => {
  const seen = await runAll(undefined);
  const found = (name: string): string => `${seen.get(name)?.status} ${seen.get(name)?.line.split(' ').slice(1, 3).join(' ')}`;
  const expected: Readonly<Record<string, string>> = {
    allowed: '200 - via_upstream',
    denied: '403 UAEX ext_authz_denied',
    'denied with all': '418 UAEX ext_authz_denied',
    late: '403 UAEX ext_authz_error',
    'late, passes': '200 - via_upstream',
    garbage: '403 UAEX ext_authz_error',
    broken: '503 UAEX ext_authz_error',
    'nobody there': '403 UAEX ext_authz_error',
    'nobody there, passes': '200 - via_upstream',
    'body too large': '413 - request_payload_too_large',
    'route switches it off': '200 - via_upstream',
    'asked where shadow rules match': '403 UAEX ext_authz_denied',
    'not asked where they do not': '200 - via_upstream',
    'denied where not asked': '403 UAEX ext_authz_error',
    'changes that cannot be': '500 UAEX ext_authz_invalid',
    'HTTP: denied': '401 UAEX ext_authz_denied',
    'HTTP: broken': '403 UAEX ext_authz_error',
    'HTTP: late': '403 UAEX ext_authz_error',
    'HTTP: no HTTP at all': '403 UAEX ext_authz_error',
    'HTTP: a status that is none': '403 UAEX ext_authz_error',
    'HTTP: a length that is none': '403 UAEX ext_authz_error',
    'HTTP: ends within its fields': '403 UAEX ext_authz_error',
    'HTTP: ends within its body': '403 UAEX ext_authz_error',
    'HTTP: ends within its chunks': '403 UAEX ext_authz_error',
    'HTTP: begins, and does not end in time': '403 UAEX ext_authz_error',
    'HTTP: nobody there': '403 UAEX ext_authz_error',
    'HTTP: nobody there, passes': '200 - via_upstream',
  };
  for (const [name, wanted] of Object.entries(expected)) assert.equal(found(name), wanted, name);
  assert.deepEqual(seen.get('not asked where they do not')?.asked, []);
});

envoyTest('Envoy and the embedded proxy ask the same and do the same with the answer', async (binary) => {
  const counted: [string[], string[]] = [[], []];
  const [ours, theirs] = [await runAll(undefined, counted[0]), await runAll(binary, counted[1])];
  const differing = scenarios.flatMap(({ name }) => {
    const [one, other] = [ours.get(name), theirs.get(name)];
    return (['status', 'line', 'headers', 'asked', 'body'] as const).flatMap((part) => {
      const [own, real] = [JSON.stringify(one?.[part]), JSON.stringify(other?.[part])];
      return own === real ? [] : [`${name}, ${part}:\n  ${own}\n  ${real}`];
    });
  });
  assert.equal(differing.join('\n'), '');
  assert.deepEqual(counted[0].sort(), counted[1].sort());
  assert.ok(counted[0].length >= 4, counted[0].join());
});
