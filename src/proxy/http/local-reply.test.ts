import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { oneHost, startHttpProxy, staticCluster } from '#test/support/http-proxy.ts';
import { onHeads, RawClient, startRawServer } from '#test/support/raw-tcp.ts';

const toBackend: JsonObject = { match: { prefix: '/' }, route: { cluster: 'backend' } };
const get = 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n';

type Expected = { readonly status: number; readonly flags: string; readonly details: string; readonly body: RegExp };

/** One request to a proxy whose route goes to a backend that does as `serve` says. */
async function failureOf(routes: JsonObject, clusters: readonly JsonObject[], request: string, expected: Expected, name: string): Promise<string> {
  await using proxy = await startHttpProxy({ routes, clusters });
  using client = new RawClient(proxy.port);
  client.send(request);
  const text = await client.until(/\r\n\r\n[^]*$/);
  const [record] = await proxy.recorded(1);
  assert.deepEqual(
    [record?.responseCode, record?.responseFlags, record?.responseCodeDetails],
    [expected.status, expected.flags, expected.details],
    name,
  );
  assert.match(text, new RegExp(`^HTTP/1.1 ${expected.status} `), name);
  assert.match(text.slice(text.indexOf('\r\n\r\n') + 4), expected.body, name);
  return text;
}

test('no route, no cluster, no endpoint: each says which', async () => {
  await failureOf(
    { name: 'r', virtual_hosts: [{ name: 'b', domains: ['b'], routes: [toBackend] }] },
    [],
    get,
    { status: 404, flags: 'NR', details: 'route_not_found', body: /^no route: no virtual host for a in route configuration r\n$/ },
    'no virtual host',
  );
  await failureOf(
    oneHost([{ match: { prefix: '/y' }, route: { cluster: 'backend' } }]),
    [],
    get,
    { status: 404, flags: 'NR', details: 'route_not_found', body: /virtual host all in route configuration test has none for a\/x/ },
    'no route',
  );
  await failureOf(
    oneHost([toBackend]),
    [],
    get,
    { status: 503, flags: 'NC', details: 'cluster_not_found', body: /^cluster not found: backend\n$/ },
    'no cluster',
  );
  await failureOf(
    oneHost([toBackend]),
    [staticCluster('backend', [])],
    get,
    { status: 503, flags: 'UH', details: 'no_healthy_upstream', body: /^no healthy upstream: cluster backend has no endpoint\n$/ },
    'no endpoint',
  );
});

test('an endpoint that refuses connections is UF', async () => {
  const gone = await startRawServer(() => {});
  const { port } = gone;
  await gone[Symbol.asyncDispose]();
  await failureOf(
    oneHost([toBackend]),
    [staticCluster('backend', [port])],
    get,
    {
      status: 503,
      flags: 'UF',
      details: 'upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}',
      body: /^upstream connect error or disconnect\/reset before headers. reset reason: remote connection failure: cluster backend, endpoint 127.0.0.1:\d+ \(delayed connect error: Connection refused\)\n$/,
    },
    'refused',
  );
});

/** What an upstream may do wrong before its head is complete: bytes it answers ('' : closes), flag, status, details. */
const badAnswers: readonly (readonly [string, string, string, number, string])[] = [
  ['closes', '', 'UC', 503, 'upstream_reset_before_response_started{connection_termination}'],
  ['half a head, then closes', 'HTTP/1.1 200 OK\r\nx: y\r\n', 'UPE', 502, 'upstream_reset_before_response_started{protocol_error}'],
  ['no status line', 'hello\r\n\r\n', 'UPE', 502, 'upstream_reset_before_response_started{protocol_error}'],
  ['bad version', 'HTTP/2.0 200 OK\r\n\r\n', 'UPE', 502, 'upstream_reset_before_response_started{protocol_error}'],
  ['bad status', 'HTTP/1.1 20 OK\r\n\r\n', 'UPE', 502, 'upstream_reset_before_response_started{protocol_error}'],
  ['folded line', 'HTTP/1.1 200 OK\r\nx: y\r\n z\r\n\r\n', 'UPE', 502, 'upstream_reset_before_response_started{protocol_error}'],
  ['bare LF', 'HTTP/1.1 200 OK\nx: y\r\n\r\n', 'UPE', 502, 'upstream_reset_before_response_started{protocol_error}'],
  ['NUL', 'HTTP/1.1 200 OK\r\nx: \0\r\n\r\n', 'UPE', 502, 'upstream_reset_before_response_started{protocol_error}'],
  [
    'length twice',
    'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab',
    'UPE',
    502,
    'upstream_reset_before_response_started{protocol_error}',
  ],
  [
    'length and chunked',
    'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    'UPE',
    502,
    'upstream_reset_before_response_started{protocol_error}',
  ],
  ['unknown coding', 'HTTP/1.1 200 OK\r\ntransfer-encoding: zip\r\n\r\n', 'UPE', 502, 'upstream_reset_before_response_started{protocol_error}'],
  [
    'switches protocols unasked',
    'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
    'UPE',
    502,
    'upstream_reset_before_response_started{protocol_error}',
  ],
  ['endless head', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}`, 'UPE', 502, 'upstream_reset_before_response_started{protocol_error}'],
];

test('an upstream that answers nothing, or nonsense, is UC or UPE', async () => {
  for (const [name, bytes, flags, status, details] of badAnswers) {
    await using backend = await startRawServer((socket) => onHeads(socket, () => socket.end(bytes, 'latin1')));
    await failureOf(
      oneHost([toBackend]),
      [staticCluster('backend', [backend.port])],
      get,
      { status, flags, details, body: /: cluster backend, endpoint/ },
      name,
    );
  }
});

test('an upstream that is too slow is UT, after the route’s timeout', async () => {
  await using backend = await startRawServer((socket) => onHeads(socket, () => {}));
  const routes = oneHost([{ match: { prefix: '/' }, route: { cluster: 'backend', timeout: '0.05s' } }]);
  const expected = { status: 504, flags: 'UT', details: 'response_timeout', body: /^upstream request timeout: cluster backend\n$/ };
  await failureOf(routes, [staticCluster('backend', [backend.port])], get, expected, 'timeout');
});

test('a cluster at its limits is UO', async () => {
  await using backend = await startRawServer((socket) => onHeads(socket, () => {}));
  const limits = { circuit_breakers: { thresholds: [{ max_connections: 1, max_pending_requests: 1 }] } };
  await using proxy = await startHttpProxy({ routes: oneHost([toBackend]), clusters: [staticCluster('backend', [backend.port], limits)] });
  const clients = [1, 2, 3].map(() => new RawClient(proxy.port));
  for (const client of clients) client.send(get);
  const [record] = await proxy.recorded(1);
  assert.deepEqual([record?.responseCode, record?.responseFlags], [503, 'UO']);
  for (const client of clients) client[Symbol.dispose]();
});

test('a refused request is logged and answered 400, DPE', async () => {
  await using proxy = await startHttpProxy({ routes: oneHost([toBackend]), clusters: [] });
  using client = new RawClient(proxy.port);
  client.send('GET / HTTP/1.1\r\nHost : a\r\n\r\n');
  const text = await client.untilClosed();
  assert.match(text, /^HTTP\/1.1 400 Bad Request\r\n/);
  assert.match(text, /connection: close\r\n/);
  const [record] = await proxy.recorded(1);
  assert.deepEqual([record?.responseFlags, record?.responseCodeDetails], ['DPE', 'http1.codec_error']);
});

test('RBAC denies with 403 before anything is routed', async () => {
  const rbac = {
    name: 'rbac',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC',
      rules: { action: 'DENY', policies: { 'no x': { permissions: [{ url_path: { path: { prefix: '/x' } } }], principals: [{ any: true }] } } },
    },
  };
  await using proxy = await startHttpProxy({ routes: oneHost([toBackend]), clusters: [], filters: [rbac] });
  using client = new RawClient(proxy.port);
  client.send(get);
  assert.match(await client.until('denied'), /^HTTP\/1.1 403 [^]*\r\n\r\nRBAC: access denied$/);
  const [record] = await proxy.recorded(1);
  assert.equal(record?.responseCodeDetails, 'rbac_access_denied_matched_policy[no_x]');
});

test('gRPC gets its status in the head', async () => {
  const text = await failureOf(
    oneHost([toBackend]),
    [],
    'POST /s/m HTTP/1.1\r\nHost: a\r\ncontent-type: application/grpc\r\ncontent-length: 0\r\n\r\n',
    { status: 200, flags: 'NC', details: 'cluster_not_found', body: /^$/ },
    'grpc',
  );
  assert.match(text, /grpc-status: 14\r\n/);
  assert.match(text, /grpc-message: cluster not found: backend%0A\r\n/);
});

test('local_reply_config rules the body', async () => {
  const manager = {
    local_reply_config: {
      mappers: [{ filter: { status_code_filter: { comparison: { op: 'EQ', value: { default_value: 404, runtime_key: 'x' } } } }, status_code: 410 }],
      body_format: { text_format_source: { inline_string: '%LOCAL_REPLY_BODY%|%RESPONSE_CODE%|%RESPONSE_CODE_DETAILS%|%REQ(:PATH)%' } },
    },
  };
  await using proxy = await startHttpProxy({ routes: { name: 'none' }, clusters: [], manager });
  using client = new RawClient(proxy.port);
  client.send(get);
  const text = await client.until('|/x');
  assert.match(text, /^HTTP\/1.1 410 [^]*\r\n\r\n-?\|410\|route_not_found\|\/x$/);
});

test('direct responses and redirects pass through the format, too, but for those that have no body', async () => {
  const manager = { local_reply_config: { body_format: { text_format_source: { inline_string: '%LOCAL_REPLY_BODY%|%RESPONSE_CODE%' } } } };
  const routes = oneHost([
    { match: { prefix: '/old' }, redirect: { path_redirect: '/new' } },
    { match: { prefix: '/none' }, direct_response: { status: 204 } },
    { match: { prefix: '/' }, direct_response: { status: 418, body: { inline_string: 'tea' } } },
  ]);
  await using proxy = await startHttpProxy({ routes, clusters: [], manager });
  using client = new RawClient(proxy.port);
  client.send('GET /none HTTP/1.1\r\nHost: a\r\n\r\nGET /old HTTP/1.1\r\nHost: a\r\n\r\nGET /t HTTP/1.1\r\nHost: a\r\n\r\n');
  const text = await client.until('tea|418');
  assert.match(text, /^HTTP\/1.1 204 [^]*\r\n\r\nHTTP\/1.1 301 [^]*\r\n\r\n\|301HTTP\/1.1 418 [^]*tea\|418$/);
});

test('a gRPC client is told a direct response as a gRPC status', async () => {
  const routes = oneHost([{ match: { prefix: '/' }, direct_response: { status: 503, body: { inline_string: 'closed' } } }]);
  await using proxy = await startHttpProxy({ routes, clusters: [] });
  using client = new RawClient(proxy.port);
  client.send('POST /s/m HTTP/1.1\r\nHost: a\r\ncontent-type: application/grpc\r\ncontent-length: 0\r\n\r\n');
  assert.match(await client.until('closed'), /^HTTP\/1.1 200 [^]*grpc-status: 14\r\n[^]*grpc-message: closed/);
});

test('redirects and direct responses are the route’s own', async () => {
  const routes = oneHost([
    { match: { prefix: '/old' }, redirect: { path_redirect: '/new' } },
    {
      match: { prefix: '/' },
      direct_response: { status: 418, body: { inline_string: 'tea' } },
      response_headers_to_add: [{ header: { key: 'x-a', value: 'b' } }],
    },
  ]);
  await using proxy = await startHttpProxy({ routes, clusters: [] });
  using client = new RawClient(proxy.port);
  client.send('GET /old HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.match(await client.until('\r\n\r\n'), /^HTTP\/1.1 301 [^]*location: http:\/\/a\/new\r\n/);
  client.send('GET /t HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.match(await client.until('tea'), /HTTP\/1.1 418 [^]*x-a: b\r\n[^]*\r\n\r\ntea$/);
});
