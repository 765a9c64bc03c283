import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { oneHost, startHttpProxy, staticCluster } from '#test/support/http-proxy.ts';
import { onHeads, RawClient, startRawServer } from '#test/support/raw-tcp.ts';

const routes = oneHost([{ match: { prefix: '/' }, route: { cluster: 'backend', timeout: '0s' } }]);

/** The fields an upstream reads when the client sent `fields`, without the request id. */
async function upstreamFields(manager: JsonObject, fields: string): Promise<readonly string[]> {
  let seen = '';
  await using backend = await startRawServer((socket) =>
    onHeads(socket, (head) => {
      seen = head;
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    }),
  );
  await using proxy = await startHttpProxy({ routes, clusters: [staticCluster('backend', [backend.port])], manager });
  using client = new RawClient(proxy.port);
  client.send(`GET / HTTP/1.1\r\nHost: a.:80\r\n${fields}\r\n`);
  const answer = await client.until('\r\n\r\n');
  if (!answer.startsWith('HTTP/1.1 200')) return [answer.slice(9, 12)];
  const [, ...lines] = seen.split('\r\n');
  return lines.filter((line) => !line.startsWith('x-request-id')).toSorted();
}

test('who the client is follows use_remote_address and the trusted hops', async () => {
  const sent = 'x-forwarded-for: 1.1.1.1, 2.2.2.2\r\nx-forwarded-proto: https\r\n';
  assert.deepEqual(await upstreamFields({}, sent), ['host: a.:80', 'x-forwarded-for: 1.1.1.1, 2.2.2.2', 'x-forwarded-proto: https']);
  assert.deepEqual(await upstreamFields({ use_remote_address: true }, sent), [
    'host: a.:80',
    'x-envoy-external-address: 127.0.0.1',
    'x-forwarded-for: 1.1.1.1, 2.2.2.2,127.0.0.1',
    'x-forwarded-proto: http',
  ]);
  assert.deepEqual(await upstreamFields({ use_remote_address: true, xff_num_trusted_hops: 1 }, sent), [
    'host: a.:80',
    'x-envoy-external-address: 2.2.2.2',
    'x-forwarded-for: 1.1.1.1, 2.2.2.2,127.0.0.1',
    'x-forwarded-proto: https',
  ]);
});

test('the settings of the connection manager that change fields', async () => {
  assert.deepEqual(await upstreamFields({ via: 'me' }, ''), ['host: a.:80', 'via: me', 'x-forwarded-proto: http']);
  assert.deepEqual(await upstreamFields({ strip_any_host_port: true, strip_trailing_host_dot: true }, ''), ['host: a', 'x-forwarded-proto: http']);
  const underscore = (action: string): JsonObject => ({ common_http_protocol_options: { headers_with_underscores_action: action } });
  assert.deepEqual(await upstreamFields(underscore('ALLOW'), 'x_y: 1\r\n'), ['host: a.:80', 'x-forwarded-proto: http', 'x_y: 1']);
  assert.deepEqual(await upstreamFields(underscore('DROP_HEADER'), 'x_y: 1\r\n'), ['host: a.:80', 'x-forwarded-proto: http']);
  assert.deepEqual(await upstreamFields(underscore('REJECT_REQUEST'), 'x_y: 1\r\n'), ['400']);
  assert.deepEqual(await upstreamFields({ proxy_100_continue: true }, 'expect: 100-continue\r\n'), [
    'expect: 100-continue',
    'host: a.:80',
    'x-forwarded-proto: http',
  ]);
});

test('a certificate that nobody showed is not forwarded', async () => {
  for (const mode of ['SANITIZE', 'APPEND_FORWARD', 'SANITIZE_SET', 'FORWARD_ONLY']) {
    assert.deepEqual(
      await upstreamFields({ forward_client_cert_details: mode }, 'x-forwarded-client-cert: By=x\r\n'),
      ['host: a.:80', 'x-forwarded-proto: http'],
      mode,
    );
  }
  const trusted = await upstreamFields({ forward_client_cert_details: 'ALWAYS_FORWARD_ONLY' }, 'x-forwarded-client-cert: By=x\r\n');
  assert.ok(trusted.includes('x-forwarded-client-cert: By=x'));
});

test('an id from inside is kept, one from outside only where that is asked for', async () => {
  const idSeen = async (manager: JsonObject): Promise<string> => {
    let id = '';
    await using backend = await startRawServer((socket) =>
      onHeads(socket, (head) => {
        id = /x-request-id: (.*)/.exec(head)?.[1] ?? '';
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      }),
    );
    await using proxy = await startHttpProxy({ routes, clusters: [staticCluster('backend', [backend.port])], manager });
    using client = new RawClient(proxy.port);
    client.send('GET / HTTP/1.1\r\nHost: a\r\nx-request-id: mine\r\n\r\n');
    await client.until('\r\n\r\n');
    return id;
  };
  assert.equal(await idSeen({}), 'mine');
  assert.notEqual(await idSeen({ use_remote_address: true }), 'mine');
  assert.equal(await idSeen({ use_remote_address: true, preserve_external_request_id: true }), 'mine');
});

test('a path is normalised before anything looks at it', async () => {
  const pathSeen = async (manager: JsonObject, path: string): Promise<string> => {
    let seen = '';
    await using backend = await startRawServer((socket) =>
      onHeads(socket, (head) => {
        seen = head.split(' ', 2)[1] ?? '';
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      }),
    );
    await using proxy = await startHttpProxy({ routes, clusters: [staticCluster('backend', [backend.port])], manager });
    using client = new RawClient(proxy.port);
    client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    const answer = await client.until('\r\n\r\n');
    return seen === '' ? answer.slice(9, 12) : seen;
  };
  assert.equal(await pathSeen({}, '/a/../b?c=../d'), '/a/../b?c=../d');
  assert.equal(await pathSeen({ normalize_path: true }, '/a/%2e%2e/b?c=../d'), '/b?c=../d');
  assert.equal(await pathSeen({ normalize_path: true, merge_slashes: true }, '//a///b'), '/a/b');
  assert.equal(await pathSeen({ path_with_escaped_slashes_action: 'REJECT_REQUEST' }, '/a%2Fb'), '400');
  assert.equal(await pathSeen({ path_with_escaped_slashes_action: 'UNESCAPE_AND_REDIRECT' }, '/a%2Fb'), '307');
  assert.equal(await pathSeen({ path_with_escaped_slashes_action: 'UNESCAPE_AND_FORWARD' }, '/a%2Fb'), '/a/b');
});
