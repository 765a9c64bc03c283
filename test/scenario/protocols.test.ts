// Protocols through the proxy, each the same on Envoy and on the embedded proxy: HTTP/1.1 and HTTP/2 on either side, trailers, event streams, long
// polling, 100-continue, tunnels by upgrade and by extended CONNECT, gRPC calls of all kinds, and clients that go away.
import assert from 'node:assert/strict';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import {
  address,
  bootstrap,
  cluster,
  downstreamTls,
  httpChain,
  listener,
  type Part,
  typedConfig,
  upstreamProtocol,
} from '#test/support/bootstrap-parts.ts';
import { startAuthority } from '#test/support/certificates.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { freePort } from '#test/support/free-port.ts';
import { echoMethods, grpcClient, startGrpcEcho } from '#test/support/grpc-echo.ts';
import { once } from '#test/support/once.ts';
import { isOpen } from '#test/support/port-open.ts';
import { type ProtocolBackend, startHttp1Backend, startHttp2Backend } from '#test/support/protocol-backends.ts';
import { RawClient } from '#test/support/raw-tcp.ts';
import { startHeddle, startProcess } from '#test/support/start-process.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';

type Answer = { readonly status: number; readonly body: string; readonly trailers: Readonly<Record<string, unknown>>; readonly type: string };

type Outgoing = {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly trailers?: Readonly<Record<string, string>>;
};

function overHttp1(port: number, path: string, { method = 'GET', headers = {}, body, trailers }: Outgoing = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ host: '127.0.0.1', port, path, method, headers, agent: false });
    outgoing.on('error', reject);
    outgoing.on('response', (answer: IncomingMessage) => {
      let text = '';
      answer.setEncoding('latin1').on('data', (part: string) => (text += part));
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, body: text, trailers: answer.trailers, type: answer.headers['content-type'] ?? '' }),
      );
      answer.on('error', reject);
    });
    if (trailers !== undefined) outgoing.addTrailers(trailers);
    outgoing.end(body);
  });
}

function overHttp2(session: ClientHttp2Session, path: string, { method = 'GET', headers = {}, body, trailers }: Outgoing = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request(
      { ':method': method, ':path': path, ...headers },
      { endStream: body === undefined, waitForTrailers: trailers !== undefined },
    );
    let text = '';
    let status = 0;
    let type = '';
    let ended: Readonly<Record<string, unknown>> = {};
    stream.on('response', (fields) => {
      status = fields[':status'] ?? 0;
      type = fields['content-type'] ?? '';
    });
    stream.on('trailers', (fields) => (ended = { ...fields }));
    stream.setEncoding('utf8').on('data', (part: string) => (text += part));
    stream.on('end', () => resolve({ status, body: text, trailers: ended, type }));
    stream.on('error', reject);
    if (trailers !== undefined) stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    if (body !== undefined) stream.end(body);
  });
}

type Setting = {
  readonly port: number;
  readonly session: ClientHttp2Session;
  readonly http1: ProtocolBackend;
  readonly http2: ProtocolBackend;
  readonly tlsPort: number;
  readonly ca: string;
};

type Check = { readonly name: string; readonly run: (setting: Setting) => Promise<unknown> };

const sides = ['/h1', '/h2'] as const;
const upgradeHead = (path: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;

/** The first line and the fields that tell an upgrade, without the rest. */
function upgradeFields(text: string): readonly string[] {
  const [head = ''] = text.split('\r\n\r\n');
  const [line = '', ...fields] = head.split('\r\n');
  return [line, ...fields.filter((field) => /^(upgrade|connection|x-key|x-protocol):/i.test(field)).map((field) => field.toLowerCase())].toSorted();
}

async function tunnelOverHttp1(port: number, path: string): Promise<unknown> {
  using client = new RawClient(port);
  client.send(upgradeHead(path));
  await client.until('hello;');
  client.send('one ');
  await client.until('ONE ');
  client.send('two');
  await client.until('TWO');
  return upgradeFields(client.text);
}

function tunnelOverHttp2(session: ClientHttp2Session, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const headers = {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'http',
      ':path': path,
      ':authority': 'a',
      'sec-websocket-version': '13',
    };
    const stream = session.request({ ...headers, 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' }, { endStream: false });
    let text = '';
    let status: unknown;
    stream.on(
      'response',
      (fields) => (status = { status: fields[':status'], key: fields['x-key'], protocol: fields['x-protocol'], upgrade: fields.upgrade }),
    );
    stream.on('error', reject);
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      if (text === 'hello;') stream.write('one ');
      else if (text === 'hello;ONE ') stream.write('two');
      else if (text === 'hello;ONE TWO') {
        stream.close();
        resolve({ status, text });
      }
    });
    stream.on('end', () => resolve({ status, text }));
  });
}

/** The first event comes before the second is made, and the poll is answered when the other call says so. */
async function streamed(port: number, side: string): Promise<unknown> {
  using client = new RawClient(port);
  client.send(`GET ${side}/events HTTP/1.1\r\nHost: a\r\n\r\n`);
  await client.until('data: 1');
  await overHttp1(port, `${side}/next`);
  await client.until('data: 2');
  const polled = overHttp1(port, `${side}/poll`);
  let isOver = false;
  void polled.then(() => (isOver = true));
  await waitUntil('the poll to be answered', async () => {
    if (!isOver) await overHttp1(port, `${side}/next`);
    return isOver;
  });
  return (await polled).body;
}

async function refusedContinue(port: number): Promise<unknown> {
  using client = new RawClient(port);
  client.send('POST /h1/count HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nX-Refuse: 1\r\nContent-Length: 5\r\n\r\n');
  const text = await client.until('\r\n\r\n');
  return text.split('\r\n')[0];
}

async function takenContinue(port: number): Promise<unknown> {
  using client = new RawClient(port);
  client.send('POST /h1/count HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n');
  await client.until('100 Continue\r\n\r\n');
  client.send('12345');
  const text = await client.until(/\r\n\r\n[^]*\r\n\r\n(?:1\r\n)?5/);
  return text.split('\r\n').filter((line) => line.startsWith('HTTP/1.1'));
}

async function clientGone(port: number, side: string, backend: ProtocolBackend): Promise<unknown> {
  const before = backend.given.up;
  const client = new RawClient(port);
  client.send(`GET ${side}/events HTTP/1.1\r\nHost: a\r\n\r\n`);
  await client.until('data: 1');
  client.socket.destroy();
  await waitUntil('the backend to see it', () => backend.given.up > before);
  // The event that nobody waits for any more is out of the way of the next check.
  await overHttp1(port, `${side}/next`);
  return backend.given.up - before;
}

function unary(
  client: ReturnType<typeof grpcClient>,
  name: keyof typeof echoMethods,
  deadlineMs: number,
): Promise<{ readonly code: number; readonly answer: unknown; readonly trailer: unknown }> {
  const { path, requestSerialize, responseDeserialize } = echoMethods[name];
  return new Promise((resolve) => {
    const call = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      Buffer.from('ping'),
      { deadline: Date.now() + deadlineMs },
      (error, value) => {
        answer = error === null ? String(value) : { code: error.code };
      },
    );
    let answer: unknown;
    call.on('status', ({ code, metadata }) => setImmediate(() => resolve({ code, answer, trailer: metadata.get('x-trailer')[0] })));
  });
}

/** Client and proxy have the same deadline: who says so first is chance. */
function overdue({ code }: { readonly code: number }): string {
  return code === 4 || code === 14 ? 'over' : `code ${code}`;
}

async function grpcCalls(port: number): Promise<unknown> {
  using client = grpcClient(port);
  const { path, requestSerialize, responseDeserialize } = echoMethods.chat;
  const chat = await new Promise((resolve) => {
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    const parts: string[] = [];
    call.on('data', (part: Buffer) => {
      parts.push(String(part));
      if (parts.length === 1) call.write(Buffer.from('two'));
      else call.end();
    });
    call.on('status', ({ code }) => resolve({ code, parts }));
    call.on('error', () => {});
    call.write(Buffer.from('one'));
  });
  const expand = await new Promise((resolve) => {
    const call = client.makeServerStreamRequest(echoMethods.expand.path, requestSerialize, responseDeserialize, Buffer.alloc(50, 'e'));
    let size = 0;
    call.on('data', (part: Buffer) => (size += part.length));
    call.on('status', ({ code }) => resolve({ code, size }));
    call.on('error', () => {});
  });
  const cancelled = await new Promise((resolve) => {
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    call.on('data', () => call.cancel());
    call.on('status', ({ code }) => resolve(code));
    call.on('error', () => {});
    call.write(Buffer.from('one'));
  });
  return {
    chat,
    expand,
    cancelled,
    unary: await unary(client, 'unary', 5000),
    fail: await unary(client, 'fail', 5000),
    retried: await unary(client, 'flaky', 5000),
    late: overdue(await unary(client, 'never', 200)),
  };
}

/** The protocol that was agreed on, and an answer by it. */
async function overTls(port: number, ca: string, ALPNProtocols: readonly string[]): Promise<unknown> {
  const socket = connectTls({ host: '127.0.0.1', port, ca, servername: 'a.example', ALPNProtocols: [...ALPNProtocols] });
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  const protocol = socket.alpnProtocol;
  if (protocol !== 'h2') {
    socket.destroy();
    return protocol;
  }
  const session = connectHttp2('https://a.example', { createConnection: () => socket });
  try {
    const { status, body } = await overHttp2(session, '/h2/bytes?size=1000');
    return [protocol, status, body.length];
  } finally {
    session.destroy();
  }
}

/** The message `ping` in its frame. */
const webMessage = Buffer.concat([Buffer.from([0, 0, 0, 0, 4]), Buffer.from('ping')]);

/** The frames that come back: messages as they are, trailers as the lines that two proxies agree on. */
async function webCall(port: number, type: string, body: string): Promise<unknown> {
  const answer = await overHttp1(port, '/test.Echo/Unary', { method: 'POST', headers: { 'content-type': type, accept: type }, body });
  const isText = type.startsWith('application/grpc-web-text');
  const bytes = isText
    ? Buffer.concat((answer.body.match(/[^=]+=*/g) ?? []).map((part) => Buffer.from(part, 'base64')))
    : Buffer.from(answer.body, 'latin1');
  const message = bytes.subarray(5, 5 + bytes.readUInt32BE(1));
  const lines = bytes
    .subarray(10 + message.length)
    .toString()
    .split('\r\n');
  return {
    status: answer.status,
    type: answer.type,
    message: String(message),
    flag: bytes[5 + message.length],
    lines: lines.filter((line) => line !== '').sort(),
  };
}

const checks: readonly Check[] = [
  ...sides.flatMap((side): Check[] => [
    {
      name: `${side} GET over HTTP/1.1`,
      run: ({ port }) => overHttp1(port, `${side}/bytes?size=100000`).then(({ status, body }) => [status, body.length]),
    },
    {
      name: `${side} GET over HTTP/2`,
      run: ({ session }) => overHttp2(session, `${side}/bytes?size=100000`).then(({ status, body }) => [status, body.length]),
    },
    { name: `${side} 404 over HTTP/2`, run: ({ session }) => overHttp2(session, `${side}/nothing`) },
    {
      name: `${side} trailers over HTTP/2`,
      run: ({ session }) =>
        overHttp2(session, `${side}/echo`, { method: 'POST', headers: { te: 'trailers' }, body: 'abc', trailers: { 'x-sent': '1' } }),
    },
    {
      name: `${side} trailers over HTTP/1.1`,
      run: ({ port }) =>
        overHttp1(port, `${side}/echo`, {
          method: 'POST',
          headers: { te: 'trailers', trailer: 'x-sent', 'transfer-encoding': 'chunked' },
          body: 'abc',
          trailers: { 'x-sent': '1' },
        }),
    },
    { name: `${side} events and polling`, run: ({ port }) => streamed(port, side) },
    { name: `${side} tunnel over HTTP/1.1`, run: ({ port }) => tunnelOverHttp1(port, `${side}/ws`) },
    { name: `${side} tunnel over HTTP/2`, run: ({ session }) => tunnelOverHttp2(session, `${side}/ws`) },
    { name: `${side} client gone`, run: ({ port, http1, http2 }) => clientGone(port, side, side === '/h1' ? http1 : http2) },
  ]),
  {
    name: 'tunnel where no route allows it',
    run: ({ port }) => overHttp1(port, '/shut/ws', { headers: { connection: 'Upgrade', upgrade: 'websocket' } }).then(({ status }) => status),
  },
  {
    name: 'tunnel to the endpoint that is left',
    run: async ({ port }) => {
      const opened = [];
      for (let turn = 0; turn < 6; turn++) opened.push(await tunnelOverHttp1(port, '/half/ws'));
      return opened;
    },
  },
  { name: '100-continue', run: ({ port }) => takenContinue(port) },
  { name: '100-continue refused', run: ({ port }) => refusedContinue(port) },
  { name: 'HTTP/2 by ALPN', run: ({ tlsPort, ca }) => overTls(tlsPort, ca, ['h2', 'http/1.1']) },
  { name: 'HTTP/1.1 by ALPN', run: ({ tlsPort, ca }) => overTls(tlsPort, ca, ['http/1.1']) },
  { name: 'gRPC', run: ({ port }) => grpcCalls(port) },
  { name: 'gRPC-Web', run: ({ port }) => webCall(port, 'application/grpc-web+proto', webMessage.toString('latin1')) },
  { name: 'gRPC-Web as text', run: ({ port }) => webCall(port, 'application/grpc-web-text', webMessage.toString('base64')) },
];

async function run(start: (file: string, ready: () => Promise<boolean>) => Promise<AsyncDisposable>): Promise<Readonly<Record<string, unknown>>> {
  await using folder = await temporaryFolder();
  await using http1 = await startHttp1Backend();
  await using http2 = await startHttp2Backend();
  await using grpc = await startGrpcEcho();
  await using authority = await startAuthority();
  const server = await authority.issue('server', ['DNS:a.example']);
  const port = await freePort();
  const tlsPort = await freePort();
  const to = (prefix: string, name: string, more: Part = {}): Part => ({
    match: { prefix },
    route: { cluster: name, timeout: '0s', max_grpc_timeout: '0s', ...more },
  });
  const manager: Part = {
    http2_protocol_options: { allow_connect: true },
    http_protocol_options: { enable_trailers: true },
    upgrade_configs: [{ upgrade_type: 'websocket' }],
    http_filters: [
      { name: 'envoy.filters.http.grpc_web', typed_config: typedConfig('extensions.filters.http.grpc_web.v3.GrpcWeb') },
      { name: 'envoy.filters.http.router', typed_config: typedConfig('extensions.filters.http.router.v3.Router') },
    ],
    proxy_100_continue: true,
    route_config: {
      name: 'local',
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [
            to('/h1', 'http1'),
            to('/h2', 'http2'),
            to('/test.Echo/Flaky', 'grpc', { retry_policy: { retry_on: 'unavailable', num_retries: 2, retry_back_off: { base_interval: '0.01s' } } }),
            to('/test.Echo', 'grpc'),
            to('/half', 'half', { retry_policy: { retry_on: 'connect-failure', num_retries: 5, retry_back_off: { base_interval: '0.01s' } } }),
            to('/shut', 'http1', { upgrade_configs: [{ upgrade_type: 'websocket', enabled: false }] }),
          ],
        },
      ],
    },
  };
  const http1Options: Part = {
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: { http_protocol_options: { enable_trailers: true } },
      },
    },
  };
  const endpoint = (at: number): Part => ({ endpoint: { address: address(at) } });
  const half = { cluster_name: 'half', endpoints: [{ lb_endpoints: [endpoint(await freePort()), endpoint(http1.port)] }] };
  const clusters = [
    { name: 'half', connect_timeout: '1s', load_assignment: half },
    cluster('http1', http1.port, http1Options),
    cluster('http2', http2.port, upstreamProtocol('http2')),
    cluster('grpc', grpc.port, upstreamProtocol('http2')),
  ];
  const tls = downstreamTls({
    common_tls_context: {
      alpn_protocols: ['h2', 'http/1.1'],
      tls_certificates: [{ certificate_chain: { filename: server.certificateFile }, private_key: { filename: server.keyFile } }],
    },
  });
  const listeners = [listener('http', port, [httpChain([], manager)]), listener('tls', tlsPort, [httpChain([], manager, tls)])];
  const file = await folder.write('bootstrap.json', JSON.stringify(bootstrap(listeners, clusters)));
  await using _proxy = await start(file, () => isOpen(port));
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  try {
    await new Promise((resolve) => session.once('remoteSettings', resolve));
    const outcomes: [string, unknown][] = [];
    for (const { name, run: check } of checks) outcomes.push([name, await check({ port, session, http1, http2, tlsPort, ca: authority.ca })]);
    // What went through JSON comes out as JSON.
    return JSON.parse(JSON.stringify(Object.fromEntries(outcomes))) as Readonly<Record<string, unknown>>;
  } finally {
    session.destroy();
  }
}

const runEmbedded = once(() => run((file, ready) => startHeddle(['proxy', '-c', file], { ready })));

void test('protocols pass through the embedded proxy', async () => {
  const outcomes = await runEmbedded();
  for (const side of sides) {
    assert.deepEqual(outcomes[`${side} GET over HTTP/2`], [200, 100_000]);
    assert.deepEqual(outcomes[`${side} events and polling`], 'polled');
  }
  assert.doesNotMatch(JSON.stringify(outcomes['tunnel to the endpoint that is left']), / 503 /);
  assert.match(JSON.stringify(outcomes['gRPC']), /"retried":\{"code":0,"answer":"ping"/);
  assert.deepEqual(Object.keys(outcomes).length, checks.length);
});

envoyTest('protocols pass through Envoy in the same way', async (binary) => {
  const args = (file: string): string[] => ['-c', file, '--use-dynamic-base-id', '--log-level', 'error', '--concurrency', '1'];
  const real = await run((file, ready) => startProcess({ command: binary, args: args(file), ready }));
  assert.deepEqual(await runEmbedded(), real);
});
