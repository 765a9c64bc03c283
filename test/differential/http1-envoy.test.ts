// The same bytes to Envoy and to the embedded proxy, with the same bootstrap: what the upstream then reads and what the client is told must agree
// (names and order of fields apart where they are ours to choose). Where we are stricter on purpose, the case says so.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { bootstrap, cluster, httpChain, listener, type Part } from '#test/support/bootstrap-parts.ts';
import { startEmbedded } from '#test/support/embedded-proxy.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { freePort } from '#test/support/free-port.ts';
import { onHeads, RawClient, startRawServer } from '#test/support/raw-tcp.ts';
import { startProcess } from '#test/support/start-process.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

/** Answers by the last part of the path; the connection is not kept, so that no case depends on the one before. */
const answers: Readonly<Record<string, string>> = {
  ok: 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\nx-up: 1\r\n\r\nok',
  empty: 'HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n',
  nothing: '',
  nonsense: 'hello\r\n\r\n',
  half: 'HTTP/1.1 200 OK\r\nx: y\r\n',
  length: 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab',
  both: 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  zip: 'HTTP/1.1 200 OK\r\ntransfer-encoding: zip\r\n\r\n',
  short: 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc',
  old: 'HTTP/1.0 200 OK\r\n\r\nuntil the end',
};

const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
const post = (more: string, body = ''): string => `POST /ok HTTP/1.1\r\nHost: a\r\n${more}\r\n${body}`;

/** Name, bytes, and for cases in which we refuse what Envoy lets pass, our status. */
const cases: readonly (readonly [string, string, number?])[] = [
  ...Object.keys(answers).map((name): readonly [string, string] => [`upstream answers ${name}`, get(`/${name}`)]),
  ['x-forwarded-*', get('/ok', 'X-Forwarded-For: 1.2.3.4, 5.6.7.8\r\nX-Forwarded-Proto: https\r\n')],
  [
    'x-envoy-*',
    get(
      '/ok',
      'x-envoy-retry-on: 5xx\r\nx-envoy-max-retries: 1\r\nx-envoy-internal: true\r\nx-envoy-external-address: 1.1.1.1\r\nx-envoy-attempt-count: 4\r\n',
    ),
  ],
  [
    'x-envoy-* of an edge',
    get('/edge/ok', 'x-envoy-decorator-operation: x\r\nx-envoy-downstream-service-cluster: c\r\nx-envoy-external-address: 1.1.1.1\r\n'),
  ],
  ['what the path was before, from outside', get('/edge/ok', 'x-envoy-original-path: /admin\r\nx-envoy-original-host: elsewhere.example.com\r\n')],
  ['what the path was before, from inside', get('/ok', 'x-envoy-original-path: /admin\r\nx-envoy-original-host: elsewhere.example.com\r\n')],
  ['x-request-id', get('/ok', 'x-request-id: my-id\r\n')],
  ['what connection names', get('/ok', 'connection: x-foo, close\r\nx-foo: 1\r\nx-bar: 2\r\n')],
  ['fields of one hop', get('/ok', 'te: trailers\r\nkeep-alive: 5\r\nproxy-connection: x\r\n')],
  ['repeated fields', get('/ok', 'x: 1\r\nx: 2\r\n')],
  ['absolute form', 'GET http://other/ok HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['POST without length', post('')],
  ['POST with length', post('content-length: 2\r\n', 'hi')],
  ['GET with a body', get('/ok', 'content-length: 2\r\n') + 'hi'],
  ['expect', post('Expect: 100-continue\r\nContent-Length: 2\r\n', 'hi')],
  ['HEAD', 'HEAD /empty HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['obs-text', get('/ok', 'x: caf\xe9\r\n')],
  ['h2c upgrade', get('/ok', 'Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n')],
  ['upgrade without leave', get('/ok', 'Upgrade: websocket\r\nConnection: upgrade\r\n')],
  ['no cluster', get('/nc')],
  ['no endpoint', get('/uh')],
  ['no endpoint, request incomplete', 'POST /uh HTTP/1.1\r\nHost: a\r\ncontent-length: 9\r\n\r\nhel'],
  ['connection refused', get('/refused')],
  ['too slow', get('/slow')],
  ['CONNECT', 'CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['no host', 'GET /ok HTTP/1.1\r\n\r\n'],
  ['bad host', 'GET /ok HTTP/1.1\r\nHost: a/b\r\n\r\n'],
  ['HTTP/1.0', 'GET /ok HTTP/1.0\r\nHost: a\r\n\r\n'],
  ['space before the colon', get('/ok', 'x : y\r\n')],
  ['NUL', get('/ok', 'x: a\0b\r\n')],
  ['fragment', get('/ok#x')],
  ['space in the path', get('/a b')],
  ['unknown method', 'BREW /ok HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['signed length', post('content-length: +2\r\n', 'hi')],
  ['two lengths', post('content-length: 2\r\ncontent-length: 2\r\n', 'hi')],
  ['length and chunked', post('content-length: 2\r\ntransfer-encoding: chunked\r\n', '0\r\n\r\n')],
  ['unknown coding', post('transfer-encoding: zip\r\n')],
  ['coding list', post('transfer-encoding: gzip, chunked\r\n', '0\r\n\r\n')],
  ['too many fields', get('/ok', 'x: y\r\n'.repeat(120))],
  ['too long a head', get('/ok', `x: ${'y'.repeat(70_000)}\r\n`)],
  ['bare LF', 'GET /ok HTTP/1.1\nHost: a\n\n', 400],
  ['folded line', get('/ok', 'x: y\r\n z\r\n'), 400],
  ['two hosts', get('/ok', 'host: b\r\n'), 400],
  ['user information in the host', 'GET /ok HTTP/1.1\r\nHost: u@a\r\n\r\n', 400],
  ['empty host', 'GET /ok HTTP/1.1\r\nHost:\r\n\r\n', 400],
];

type Outcome = { readonly status: number; readonly fields: readonly string[]; readonly upstream: readonly string[]; readonly closed: boolean };

function setting(ports: {
  readonly main: number;
  readonly edge: number;
  readonly admin: number;
  readonly backend: number;
  readonly closed: number;
}): Part {
  const routes = [
    { match: { prefix: '/nc' }, route: { cluster: 'nowhere' } },
    { match: { prefix: '/uh' }, route: { cluster: 'empty' } },
    { match: { prefix: '/refused' }, route: { cluster: 'refused' } },
    { match: { prefix: '/slow' }, route: { cluster: 'backend', timeout: '0.1s' } },
    { match: { prefix: '/' }, route: { cluster: 'backend' } },
  ];
  const unchecked = { route_config: { name: 'local', virtual_hosts: [{ name: 'all', domains: ['*'], routes }], validate_clusters: false } };
  const empty = { name: 'empty', connect_timeout: '2s', load_assignment: { cluster_name: 'empty' } };
  return bootstrap(
    [
      listener('main', ports.main, [httpChain(routes, unchecked)]),
      listener('edge', ports.edge, [httpChain(routes, { ...unchecked, use_remote_address: true, skip_xff_append: true })]),
    ],
    [cluster('backend', ports.backend), cluster('refused', ports.closed), empty],
    { admin: { address: { socket_address: { address: '127.0.0.1', port_value: ports.admin } } } },
  );
}

/** Sends the bytes and waits for a whole answer; `heads` holds what the backend has read since. */
async function outcomeOf(port: number, bytes: string, heads: string[]): Promise<Outcome> {
  heads.length = 0;
  using client = new RawClient(port);
  client.send(bytes);
  const text = (await client.until(/HTTP\/1.1 (?!100)\d\d\d [^]*?\r\n\r\n/)).replace(/^HTTP\/1.1 100 Continue\r\n\r\n/, '');
  const [line = '', ...fields] = text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n');
  return {
    status: Number(line.split(' ')[1]),
    fields: comparable(fields).filter((field) => !/^(content-length|content-type|transfer-encoding|x-envoy-upstream-service-time):/.test(field)),
    upstream: heads.flatMap((head) => comparable(head.split('\r\n'))),
    closed: fields.some((field) => field.toLowerCase() === 'connection: close'),
  };
}

function comparable(lines: readonly string[]): readonly string[] {
  return lines.map((line) => line.replace(/^date: .*/, 'date').replace(/^x-request-id: [0-9a-f-]{36}$/, 'x-request-id: made')).toSorted();
}

envoyTest('what upstream reads and the client is told agrees with Envoy', async (envoyBinary) => {
  const heads: string[] = [];
  const serve = (socket: Socket): void =>
    onHeads(socket, (head) => {
      heads.push(head);
      const answer = answers[head.split(' ', 2)[1]?.split(/[/?#]/).at(-1) ?? ''];
      if (answer !== undefined) socket.end(answer, 'latin1');
    });
  await using backend = await startRawServer(serve);
  await using folder = await temporaryFolder();
  const closed = await freePort();
  const ports = { main: await freePort(), edge: await freePort(), admin: await freePort(), backend: backend.port, closed };
  const file = join(folder.path, 'envoy.json');
  await writeFile(file, JSON.stringify(setting(ports)));
  await using envoy = await startProcess({
    command: envoyBinary,
    args: ['-c', file, '--concurrency', '1', '--use-dynamic-base-id'],
    ready: /starting main dispatch loop/,
  });
  assert.ok(envoy.pid > 0);
  await using embedded = await startEmbedded(setting({ ...ports, main: 0, edge: 0, admin: 0 }));
  for (const [name, bytes, stricter] of cases) {
    const where = bytes.includes('/edge/') ? 'edge' : 'main';
    const ours = await outcomeOf(embedded.port(where), bytes, heads);
    const theirs = await outcomeOf(ports[where], bytes, heads);
    if (stricter === undefined) assert.deepEqual(ours, theirs, name);
    else assert.deepEqual([ours.status, ours.upstream, theirs.status < 400 || theirs.status === 503], [stricter, [], true], name);
  }
});
