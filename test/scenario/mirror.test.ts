// Mirrored requests, on Envoy and on the embedded proxy: what the copies look like where they arrive, and that the request itself does not notice.
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { bootstrap, cluster, httpChain, listener, type Part } from '#test/support/bootstrap-parts.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { freePort } from '#test/support/free-port.ts';
import { httpCall } from '#test/support/http-call.ts';
import { once } from '#test/support/once.ts';
import { isOpen } from '#test/support/port-open.ts';
import { startHeddle, startProcess } from '#test/support/start-process.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';

type Seen = { readonly name: string; readonly url: string; readonly host: string; readonly headers: readonly string[]; readonly body: string };

type Backend = AsyncDisposable & { readonly port: number };

/** Records each request; `/hang` is never answered, `/fail` with 500. */
async function startBackend(name: string, seen: Seen[]): Promise<Backend> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      seen.push({ name, url: request.url ?? '', host: request.headers.host ?? '', headers: fieldsOf(request.rawHeaders), body });
      if (request.url?.startsWith('/hang') === true && name !== 'main') return;
      response.writeHead(name !== 'main' && request.url?.startsWith('/fail') === true ? 500 : 200);
      response.end(name);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: portOf(server), [Symbol.asyncDispose]: () => close(server) };
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

function portOf(server: Server): number {
  // A TCP server has a port.
  return (server.address() as AddressInfo).port;
}

/** Names and values, without what differs by chance; of x-forwarded-for only how many addresses it has. */
function fieldsOf(raw: readonly string[]): readonly string[] {
  const fields: string[] = [];
  for (let at = 0; at < raw.length; at += 2) {
    const name = (raw[at] ?? '').toLowerCase();
    const value = raw[at + 1] ?? '';
    const byChance = name === 'x-request-id' || name === 'host';
    fields.push(`${name}: ${byChance ? 'any' : name === 'x-forwarded-for' ? value.split(',').length : value}`);
  }
  return fields.sort();
}

const everyone: Part = { default_value: { numerator: 100, denominator: 'HUNDRED' } };
const nobody: Part = { default_value: { numerator: 0, denominator: 'HUNDRED' } };

const route = (prefix: string, policies: readonly Part[], more: Part = {}): Part => ({
  match: { prefix },
  route: { cluster: 'main', timeout: '5s', request_mirror_policies: policies, ...more },
});

const routes: readonly Part[] = [
  route('/one', [{ cluster: 'first' }]),
  route('/both', [{ cluster: 'first', runtime_fraction: everyone }, { cluster: 'second' }]),
  route('/nobody', [{ cluster: 'first', runtime_fraction: nobody }]),
  route('/unmarked', [{ cluster: 'first', disable_shadow_host_suffix_append: true }]),
  route('/header', [{ cluster_header: 'x-copy-to' }]),
  route('/rewritten', [{ cluster: 'first' }], { prefix_rewrite: '/new', host_rewrite_literal: 'new.example:8080' }),
  route('/counted', [{ cluster: 'first' }], { retry_policy: { retry_on: '5xx', num_retries: 1 } }),
  route('/hang', [{ cluster: 'first' }]),
  route('/fail', [{ cluster: 'first' }, { cluster: 'refused' }, { cluster: 'missing' }]),
];

const calls = [
  { label: 'one', path: '/one?a=b', headers: { 'x-mine': '1' } },
  { label: 'one with a client', path: '/one', headers: { 'x-forwarded-for': '10.0.0.1' } },
  { label: 'one with a body', path: '/one', method: 'POST', body: 'x'.repeat(100_000) },
  { label: 'both', path: '/both', headers: { host: 'a.example:80' } },
  { label: 'nobody', path: '/nobody' },
  { label: 'unmarked', path: '/unmarked', headers: { host: 'a.example' } },
  { label: 'header', path: '/header', headers: { 'x-copy-to': 'second' } },
  { label: 'no header', path: '/header' },
  { label: 'rewritten', path: '/rewritten/x' },
  { label: 'counted', path: '/counted' },
  { label: 'hang', path: '/hang' },
  { label: 'fail', path: '/fail' },
];

/** How many copies the calls make together. */
const copies = 11;

type Run = { readonly statuses: readonly number[]; readonly copies: readonly string[]; readonly main: readonly string[] };

async function run(start: (file: string, ready: () => Promise<boolean>) => Promise<AsyncDisposable>): Promise<Run> {
  await using folder = await temporaryFolder();
  const seen: Seen[] = [];
  await using main = await startBackend('main', seen);
  await using first = await startBackend('first', seen);
  await using second = await startBackend('second', seen);
  const port = await freePort();
  const manager = {
    route_config: {
      name: 'local',
      validate_clusters: false,
      virtual_hosts: [{ name: 'all', domains: ['*'], routes, include_request_attempt_count: true }],
    },
  };
  const clusters = [cluster('main', main.port), cluster('first', first.port), cluster('second', second.port), cluster('refused', await freePort())];
  const file = await folder.write('bootstrap.json', JSON.stringify(bootstrap([listener('http', port, [httpChain([], manager)])], clusters)));
  await using _proxy = await start(file, () => isOpen(port));
  const statuses: number[] = [];
  for (const { label: _label, ...call } of calls) statuses.push((await httpCall({ port, ...call })).status);
  await waitUntil('the copies to arrive', () => seen.filter(({ name }) => name !== 'main').length >= copies);
  const text = (from: readonly Seen[]): readonly string[] =>
    from
      .map(({ name, url, host, headers, body }) => `${name} ${url} ${host} ${headers.join(' | ')} ${body.length}`.replaceAll(String(port), 'port'))
      .sort();
  return { statuses, copies: text(seen.filter(({ name }) => name !== 'main')), main: text(seen.filter(({ name }) => name === 'main')) };
}

const runEmbedded = once(() => run((file, ready) => startHeddle(['proxy', '-c', file], { ready })));

void test('copies of requests arrive where they are to go, and the requests do not notice: embedded proxy', async () => {
  const { statuses, copies: arrived } = await runEmbedded();
  assert.deepEqual(new Set(statuses), new Set([200]));
  assert.equal(arrived.length, copies);
  assert.ok(
    arrived.some((line) => line.startsWith('second /both a.example-shadow:80 ')),
    arrived.join('\n'),
  );
  assert.ok(
    arrived.some((line) => line.startsWith('first /unmarked a.example ')),
    arrived.join('\n'),
  );
});

envoyTest('copies of requests are the same on Envoy', async (binary) => {
  const args = (file: string): string[] => ['-c', file, '--use-dynamic-base-id', '--log-level', 'error', '--concurrency', '1'];
  const real = await run((file, ready) => startProcess({ command: binary, args: args(file), ready }));
  assert.deepEqual(await runEmbedded(), real);
});
