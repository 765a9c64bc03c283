// The same bootstrap file on Envoy and on the embedded proxy, the same calls, and the same answers and access log lines expected.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { bootstrapCases, type Call, type Setting } from '#test/scenario/bootstrap-cases.ts';
import { filterCases } from '#test/scenario/filter-cases.ts';
import { type Authority, startAuthority } from '#test/support/certificates.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { freePort } from '#test/support/free-port.ts';
import { httpCall } from '#test/support/http-call.ts';
import { isOpen } from '#test/support/port-open.ts';
import { startHeddle, startProcess } from '#test/support/start-process.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';

type Outcome = Readonly<Record<string, unknown>>;

/** Answers with what it saw, so that what a proxy does to a request shows in the body. */
async function startBackend(): Promise<Server> {
  const server = createServer((request, response) => {
    let size = 0;
    request.on('data', (part: Buffer) => (size += part.length));
    request.on('end', () => {
      if (request.url?.startsWith('/slow') === true) return;
      const status = /\/status\/(\d+)/.exec(request.url ?? '')?.[1];
      const seen = { method: request.method, url: request.url, headers: request.headers, size };
      const body = JSON.stringify(seen);
      response.writeHead(status === undefined ? 200 : Number(status), { 'x-backend': 'yes', 'content-length': Buffer.byteLength(body) });
      response.end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

async function callOne(call: Call, authority: Authority): Promise<Outcome> {
  switch (call.kind) {
    case 'http':
      return httpCall(call).then(({ status, headers, body }) => {
        // Where the proxy refuses by itself, ours says more than Envoy does, which may say nothing at all.
        const ownWords = status >= 400 && headers['x-backend'] === undefined && headers['content-type'] !== 'application/json';
        if (call.onlyStatus === true) return { status, body: ownWords ? 'own words' : body };
        if (ownWords) return { status, headers: comparable({ ...headers, 'content-type': 'any' }), body: 'own words' };
        return { status, headers: comparable(headers), body: seenByBackend(body, headers) };
      });
    case 'https':
      return callHttps(call, authority);
    case 'tcp':
      return callTcp(call);
  }
}

function callHttps(call: Call & { readonly kind: 'https' }, authority: Authority): Promise<Outcome> {
  return new Promise((resolve) => {
    const client = call.leaf === undefined ? {} : { cert: call.leaf.certificate, key: call.leaf.key };
    const options = {
      host: '127.0.0.1',
      port: call.port,
      servername: call.servername,
      path: call.path,
      ca: authority.ca,
      agent: false,
      rejectUnauthorized: false,
      ...client,
    };
    const outgoing = httpsRequest(options, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (part: string) => (body += part));
      answer.on('end', () => resolve({ status: answer.statusCode, certificate: /"x-forwarded-client-cert":"((?:[^"\\]|\\.)*)"/.exec(body)?.[1] }));
    });
    outgoing.on('error', () => resolve({ failed: true }));
    outgoing.end();
  });
}

function callTcp(call: Call & { readonly kind: 'tcp' }): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = connect({ port: call.port, host: '127.0.0.1', allowHalfOpen: true });
    let text = '';
    socket.setEncoding('utf8').on('data', (part: string) => (text += part));
    socket.on('error', () => {});
    socket.on('close', () => resolve({ answered: text.split('\r\n')[0] }));
    socket.on('end', () => socket.end());
    socket.write(call.send);
  });
}

/** In place of a loopback client Envoy forwards its own address, which depends on the machine. */
const byChance: ReadonlySet<string> = new Set([
  'date',
  'grpc-message',
  'x-envoy-upstream-service-time',
  'x-request-id',
  'content-length',
  'x-forwarded-for',
]);

/** Values that differ from run to run become a mark; that they are there still counts. */
function comparable(headers: Readonly<Record<string, string>>): Outcome {
  return Object.fromEntries(
    Object.entries(headers)
      .map(([name, value]) => [name, byChance.has(name) ? 'any' : value] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** The backend's account of the request, or a body that the configuration gives. */
function seenByBackend(body: string, headers: Readonly<Record<string, string>>): unknown {
  if (headers['x-backend'] === undefined && !body.startsWith('{"method"')) return body;
  const seen: unknown = body === '' ? '' : JSON.parse(body);
  if (typeof seen !== 'object' || seen === null || !('headers' in seen)) return seen;
  // The backend wrote it.
  const inner = seen.headers as Record<string, string>;
  return { ...seen, headers: comparable({ ...inner, 'x-request-id': inner['x-request-id'] === 'given' ? 'given' : 'any' }) };
}

/** Times, durations, ids and chosen ports differ by chance; everything else must not. */
function withoutChance(line: string): string {
  return (
    line
      .replace(/^\[[^\]]+\]/, '[time]')
      .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'id')
      .replace(/127\.0\.0\.1:\d+/g, 'address')
      // Received, sent, duration, service time; where the proxy answers in words of its own, their length is its own as well.
      .replace(/ ([A-Z]\S*) (\S+ \S+ "\S+") (\d+) \d+ \d+ (?:\d+|-) /, ' $1 $2 $3 own ms ms ')
      .replace(/("-" \d+ \d+) \d+ (?:\d+|-) /, '$1 ms ms ')
  );
}

type Run = { readonly answers: Readonly<Record<string, Outcome>>; readonly log: readonly string[] };

for (const item of [...bootstrapCases, ...filterCases]) {
  envoyTest(`both data planes agree: ${item.name}`, async (envoy) => {
    await using folder = await temporaryFolder();
    await using authority = await startAuthority();
    const server = await authority.issue('server', ['DNS:a.example', 'DNS:b.example']);
    const client = await authority.issue('client', ['URI:spiffe://mesh/ns/default/sa/client']);
    const backend = await startBackend();
    // A TCP server has a port.
    const { port: backendPort } = backend.address() as AddressInfo;
    const run = async (plane: 'envoy' | 'heddle'): Promise<Run> => {
      const ports = [await freePort(), await freePort(), await freePort(), await freePort()] as const;
      const logFile = join(folder.path, `${plane}.log`);
      const setting: Setting = { ports, backend: backendPort, refused: await freePort(), logFile, caFile: authority.caFile, server, client };
      const file = await folder.write(`${plane}.json`, JSON.stringify(item.bootstrap(setting)));
      const ready = (): Promise<boolean> => isOpen(ports[0]);
      await using _proxy =
        plane === 'envoy'
          ? await startProcess({
              command: envoy,
              args: ['-c', file, '--use-dynamic-base-id', '--log-level', 'error', '--file-flush-interval-msec', '100', '--concurrency', '1'],
              ready,
            })
          : await startHeddle(['proxy', '-c', file], { ready });
      const answers: Record<string, Outcome> = {};
      for (const call of item.calls(setting)) answers[call.label] = await callOne(call, authority);
      const settled = JSON.stringify(item.bootstrap(setting)).includes(logFile) ? await settledLog(logFile) : [];
      const forget = (text: string): string => ports.reduce((all, port, index) => all.replaceAll(String(port), `port${index}`), text);
      // What went through JSON comes out as JSON.
      return JSON.parse(forget(JSON.stringify({ answers, log: settled }))) as Run;
    };
    try {
      const embedded = await run('heddle');
      const real = await run('envoy');
      assert.deepEqual(embedded.answers, real.answers);
      assert.deepEqual(embedded.log, real.log);
      assert.ok(Object.keys(real.answers).length > 0);
    } finally {
      backend.closeAllConnections();
      backend.close();
    }
  });
}

/** Lines come in batches: all are there when the file has not grown for half a second. */
async function settledLog(file: string): Promise<readonly string[]> {
  let last = 0;
  let same = 0;
  await waitUntil('the access log to settle', async () => {
    const { length } = await readFile(file, 'utf8');
    same = length === last ? same + 1 : 0;
    last = length;
    return length > 0 && same >= 25;
  });
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
  return lines.map(withoutChance);
}

test('what the embedded proxy does not know is named, with its place, and nothing runs', async () => {
  await using folder = await temporaryFolder();
  const refusedBy = async (text: string): Promise<string> => {
    const file = await folder.write('bootstrap.yaml', text);
    const proxy = await startHeddle(['proxy', '-c', file]);
    const { code } = await proxy.exited;
    assert.equal(code, 2);
    return proxy.stderr();
  };
  assert.match(await refusedBy('static_resources:\n  listenerss: []\n'), /"listenerss" is unknown/);
  assert.match(await refusedBy('hds_config: {}\n'), /hds_config: is not supported/);
  assert.match(await refusedBy('static_resources: [\n'), /bootstrap\.yaml:\d+:\d+: /);
  assert.match(
    await refusedBy(
      'static_resources:\n  clusters:\n  - name: c\n    health_checks: [{timeout: 1s, interval: 1s, tcp_health_check: {}}]\n    load_assignment: {cluster_name: c}\n',
    ),
    /cluster c: health_checks.*not supported/,
  );
  assert.match(
    await refusedBy('dynamic_resources:\n  lds_config: {path_config_source: {path: /tmp/x}}\n'),
    /dynamic_resources\.lds_config\.path_config_source: is not supported/,
  );
});

test('a port that is taken is an error that names it', async () => {
  await using folder = await temporaryFolder();
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  // A TCP server has a port.
  const { port } = taken.address() as AddressInfo;
  const route = '{match: {prefix: /}, direct_response: {status: 200}}';
  const manager = `{"@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: x, route_config: {virtual_hosts: [{name: a, domains: ["*"], routes: [${route}]}]}, http_filters: [{name: r, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]}`;
  const file = await folder.write(
    'bootstrap.yaml',
    `static_resources:\n  listeners:\n  - name: web\n    address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}\n    filter_chains: [{filters: [{name: hcm, typed_config: ${manager}}]}]\n`,
  );
  const proxy = await startHeddle(['proxy', '-c', file]);
  assert.equal((await proxy.exited).code, 2);
  assert.match(proxy.stderr(), new RegExp(`listener web: 127\\.0\\.0\\.1:${port} is in use by another process`));
  taken.close();
});
