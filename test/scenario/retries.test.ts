// Retries and timeouts to the letter, on Envoy and on the embedded proxy: a backend that does what each request's script says, one step an attempt;
// the attempts it counted, the answer, and the access log's flags and details must be the same on both.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { bootstrap, cluster, fileLog, httpChain, listener, type Part } from '#test/support/bootstrap-parts.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { freePort } from '#test/support/free-port.ts';
import { httpCall } from '#test/support/http-call.ts';
import { once } from '#test/support/once.ts';
import { isOpen } from '#test/support/port-open.ts';
import { startHeddle, startProcess } from '#test/support/start-process.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';

type Backend = AsyncDisposable & { readonly port: number; readonly attempts: Map<string, number>; readonly seen: Map<string, readonly string[]> };

/** A step: a status with fields behind it (`503 x-a=b`), `reset`, or `slow`, which never answers. */
function play(step: string, request: IncomingMessage, response: ServerResponse): void {
  if (step === 'slow') return;
  if (step === 'reset') {
    request.socket.destroy();
    return;
  }
  const [status = '200', ...fields] = step.split(' ');
  for (const field of fields) {
    const [name = '', value = ''] = field.split('=');
    response.setHeader(name, value);
  }
  response.writeHead(Number(status));
  response.end(step);
}

/** The fields of the last attempt that Envoy's router reads or writes. */
function routerFields({ headers }: IncomingMessage): readonly string[] {
  return Object.entries(headers)
    .filter(([name]) => name.startsWith('x-envoy-') || name === 'grpc-timeout')
    .map(([name, value]) => `${name}: ${String(value)}`)
    .sort();
}

async function startBackend(): Promise<Backend> {
  const attempts = new Map<string, number>();
  const seen = new Map<string, readonly string[]>();
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      const id = String(request.headers['x-call']);
      const attempt = attempts.get(id) ?? 0;
      attempts.set(id, attempt + 1);
      seen.set(id, routerFields(request));
      const steps = String(request.headers['x-script']).split(',');
      play(steps[Math.min(attempt, steps.length - 1)] ?? '200', request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    // A TCP server has a port.
    port: (server.address() as AddressInfo).port,
    attempts,
    seen,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

// Deadlines are long enough for a machine that is busy: an attempt has to reach the backend before its time is over.
const quick: Part = { retry_back_off: { base_interval: '0.001s', max_interval: '0.002s' } };
const policy = (retry_on: string, more: Part = {}): Part => ({ retry_policy: { retry_on, num_retries: 2, ...quick, ...more } });
const header = (name: string): Part => ({ name, present_match: true });
const adds = (fields: Readonly<Record<string, string>>): Part => ({
  request_headers_to_add: Object.entries(fields).map(([key, value]) => ({ header: { key, value } })),
});

type Route = { readonly action: Part; readonly extra?: Part };

const routes: Readonly<Record<string, Route>> = {
  'istio-default': {
    action: policy('connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes', { retriable_status_codes: [503] }),
  },
  five: { action: policy('5xx') },
  gateway: { action: policy('gateway-error') },
  reset: { action: policy('reset') },
  conflict: { action: policy('retriable-4xx') },
  codes: { action: policy('retriable-status-codes', { retriable_status_codes: [418, 200] }) },
  headers: { action: policy('retriable-headers', { retriable_headers: [{ name: 'x-again', string_match: { exact: 'yes' } }] }) },
  requests: { action: policy('5xx', { retriable_request_headers: [header('x-twice')] }) },
  limited: { action: policy('5xx,envoy-ratelimited') },
  grpc: { action: policy('cancelled,deadline-exceeded,internal,resource-exhausted,unavailable') },
  unknown: { action: policy('5xx,no-such-word') },
  none: { action: {} },
  zero: { action: policy('5xx', { num_retries: 0 }) },
  asked: { action: policy('5xx', { rate_limited_retry_back_off: { reset_headers: [{ name: 'retry-after' }], max_interval: '2s' } }) },
  'per-try': { action: { ...policy('5xx', { per_try_timeout: '0.6s' }), timeout: '5s' } },
  'per-try-too-long': { action: { ...policy('5xx', { per_try_timeout: '9s' }), timeout: '0.8s' } },
  'per-try-connect': { action: { ...policy('connect-failure', { per_try_timeout: '0.6s' }), timeout: '5s' } },
  'per-try-idle': { action: { ...policy('5xx', { per_try_idle_timeout: '0.6s' }), timeout: '5s' } },
  late: { action: { timeout: '0.8s' } },
  'late-duration': { action: { timeout: '0.6s', max_stream_duration: { max_stream_duration: '1.6s' } } },
  'late-stream': { action: { timeout: '0s', max_stream_duration: { max_stream_duration: '0.8s' } } },
  'grpc-max': { action: { timeout: '0s', max_grpc_timeout: '0s' } },
  'grpc-capped': { action: { timeout: '0s', max_grpc_timeout: '0.8s' } },
  'grpc-offset': { action: { timeout: '0s', max_grpc_timeout: '0s', grpc_timeout_offset: '2s' } },
  'grpc-header-max': { action: { timeout: '0s', max_stream_duration: { grpc_timeout_header_max: '0s' } } },
  'grpc-header-capped': { action: { timeout: '0s', max_stream_duration: { grpc_timeout_header_max: '0.8s', grpc_timeout_header_offset: '0.05s' } } },
  small: { action: policy('5xx'), extra: { per_request_buffer_limit_bytes: 1000 } },
  'asked-by-header': { action: { timeout: '5s' }, extra: adds({ 'x-envoy-retry-on': '5xx', 'x-envoy-max-retries': '1' }) },
  'asked-grpc': { action: { timeout: '5s' }, extra: adds({ 'x-envoy-retry-grpc-on': 'unavailable' }) },
  'asked-codes': {
    action: { timeout: '5s' },
    extra: adds({
      'x-envoy-retry-on': 'retriable-status-codes,retriable-headers',
      'x-envoy-retriable-status-codes': '418',
      'x-envoy-retriable-header-names': 'x-again',
    }),
  },
  'asked-timeout': { action: { timeout: '0.8s' }, extra: adds({ 'x-envoy-upstream-rq-timeout-ms': '200' }) },
  'asked-per-try': { action: { ...policy('5xx'), timeout: '0.8s' }, extra: adds({ 'x-envoy-upstream-rq-per-try-timeout-ms': '150' }) },
  'asked-alt': {
    action: { timeout: '0.8s' },
    extra: adds({ 'x-envoy-upstream-rq-timeout-alt-response': '1' }),
  },
};

type Call = {
  readonly route: string;
  readonly script: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string;
};

const grpc = (timeout?: string): Call['headers'] => ({
  'content-type': 'application/grpc',
  ...(timeout === undefined ? {} : { 'grpc-timeout': timeout }),
});

const calls: readonly Call[] = [
  ...['200', '503,200', '503', '500', '502', 'reset', '200 grpc-status=14,200', '200 grpc-status=1,200', '200 grpc-status=13'].map((script) => ({
    route: 'istio-default',
    script,
  })),
  ...['500,200', '503,502,200', '599', '404', 'reset,200', '503 x-envoy-overloaded=true,200', '503 x-envoy-ratelimited=true,200'].map((script) => ({
    route: 'five',
    script,
  })),
  ...['500', '502,200', '504,503', 'reset,200'].map((script) => ({ route: 'gateway', script })),
  ...['500', 'reset,reset,200', 'reset'].map((script) => ({ route: 'reset', script })),
  ...['409,200', '404'].map((script) => ({ route: 'conflict', script })),
  ...['418,404', '200', '503'].map((script) => ({ route: 'codes', script })),
  ...['404 x-again=yes,200', '404 x-again=no', '200 x-again=yes,201', 'reset'].map((script) => ({ route: 'headers', script })),
  { route: 'requests', script: '503,200' },
  { route: 'requests', script: '503,200', headers: { 'x-twice': '1' } },
  ...['503 x-envoy-ratelimited=true,200', '429 x-envoy-ratelimited=true,200', '429'].map((script) => ({ route: 'limited', script })),
  ...['1', '2', '4', '8', '13', '14', 'x'].map((status) => ({ route: 'grpc', script: `200 grpc-status=${status},200` })),
  { route: 'grpc', script: '404 grpc-status=14,200' },
  { route: 'unknown', script: '503,200' },
  { route: 'none', script: '503,200' },
  { route: 'zero', script: '503,200' },
  { route: 'asked', script: '503 retry-after=1,200' },
  { route: 'asked', script: '503 retry-after=9,200' },
  { route: 'per-try', script: 'slow,200' },
  { route: 'per-try', script: 'slow' },
  { route: 'per-try-too-long', script: 'slow' },
  { route: 'per-try-connect', script: 'slow,200' },
  { route: 'per-try-idle', script: 'slow,200' },
  { route: 'late', script: 'slow' },
  { route: 'late', script: 'slow', headers: grpc() },
  { route: 'late-duration', script: 'slow' },
  { route: 'late-stream', script: 'slow' },
  { route: 'late-stream', script: 'slow', headers: grpc() },
  { route: 'grpc-max', script: '200', headers: grpc('3S') },
  { route: 'grpc-max', script: '200', headers: grpc() },
  { route: 'grpc-max', script: '200', headers: { 'grpc-timeout': '3S' } },
  { route: 'grpc-max', script: 'slow', headers: grpc('800m') },
  { route: 'grpc-max', script: '200', headers: grpc('999999999m') },
  { route: 'grpc-max', script: '200', headers: grpc('1500000u') },
  { route: 'grpc-max', script: '200', headers: grpc('99999999H') },
  { route: 'grpc-capped', script: 'slow', headers: grpc('3S') },
  { route: 'grpc-capped', script: 'slow', headers: grpc() },
  { route: 'grpc-offset', script: '200', headers: grpc('3S') },
  { route: 'grpc-offset', script: '200', headers: grpc('1S') },
  { route: 'grpc-header-max', script: 'slow', headers: grpc('800m') },
  { route: 'grpc-header-max', script: '200', headers: grpc() },
  { route: 'grpc-header-capped', script: 'slow', headers: grpc('3S') },
  { route: 'five', script: '503,200', body: 'x'.repeat(900_000) },
  { route: 'five', script: '503,200', body: 'x'.repeat(1_500_000) },
  { route: 'small', script: '503,200', body: 'x'.repeat(900) },
  { route: 'small', script: '503,200', body: 'x'.repeat(5000) },
  { route: 'small', script: '200', body: 'x'.repeat(5000) },
  { route: 'asked-by-header', script: '503,200' },
  { route: 'asked-by-header', script: '503' },
  { route: 'asked-grpc', script: '200 grpc-status=14,200' },
  { route: 'asked-codes', script: '418,200' },
  { route: 'asked-codes', script: '404 x-again=1,200' },
  { route: 'asked-timeout', script: 'slow' },
  { route: 'asked-per-try', script: 'slow,200' },
  { route: 'asked-alt', script: 'slow' },
  // A stranger's headers are not heeded.
  { route: 'none', script: '503,200', headers: { 'x-envoy-retry-on': '5xx', 'x-forwarded-for': '10.9.9.9' } },
  // One of the mesh's own may ask.
  { route: 'none', script: '503,200', headers: { 'x-envoy-retry-on': '5xx', 'x-forwarded-for': '10.1.1.1' } },
  { route: 'none', script: '503,200', headers: { 'x-envoy-retry-on': '5xx', 'x-forwarded-for': '10.9.9.9, 10.1.1.1' } },
  { route: 'none', script: '503,200', headers: { 'x-envoy-retry-on': '5xx' } },
];

const titleOf = ({ route, script, headers = {}, body = '' }: Call): string => `${route} ${script} ${JSON.stringify(headers)} ${body.length}`;

type Outcome = {
  readonly status: number;
  readonly fields: readonly string[];
  readonly attempts: number;
  readonly seen: readonly string[];
  readonly log: string;
};

/** Milliseconds of what is left of a timeout differ by chance. */
const withoutChance = (field: string): string =>
  field.replace(
    /^(x-envoy-upstream-service-time|x-envoy-expected-rq-timeout-ms): (\d+)$/,
    (_all, name: string, ms: string) => `${name}: ${name.endsWith('time') ? 'any' : Math.ceil(Number(ms) / 5000)}`,
  );

async function run(start: (file: string, ready: () => Promise<boolean>) => Promise<AsyncDisposable>): Promise<ReadonlyMap<string, Outcome>> {
  await using folder = await temporaryFolder();
  await using backend = await startBackend();
  const port = await freePort();
  const logFile = await folder.write('access.log', '');
  const manager: Part = {
    access_log: [fileLog(logFile, '%REQ(x-call)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n')],
    internal_address_config: { cidr_ranges: [{ address_prefix: '10.1.0.0', prefix_len: 16 }] },
    route_config: {
      name: 'local',
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          include_request_attempt_count: true,
          include_attempt_count_in_response: true,
          routes: Object.entries(routes).map(([name, { action, extra = {} }]) => ({
            match: { path: `/${name}` },
            route: { cluster: 'backend', ...action },
            ...extra,
          })),
        },
      ],
    },
  };
  const json = bootstrap(
    [listener('http', port, [httpChain([], manager)])],
    [cluster('backend', backend.port, { circuit_breakers: { thresholds: [{ max_retries: 1000 }] } })],
  );
  const file = await folder.write('bootstrap.json', JSON.stringify(json));
  await using _proxy = await start(file, () => isOpen(port));
  const answers = await Promise.all(
    calls.map(async (call, index) => {
      const headers = { ...call.headers, 'x-call': `c${index}`, 'x-script': call.script };
      const { status, headers: fields } = await httpCall({ port, path: `/${call.route}`, method: 'POST', headers, body: call.body ?? '' });
      const told = Object.entries(fields).filter(([name]) => name.startsWith('x-envoy-') || name.startsWith('grpc-'));
      return { status, fields: told.map(([name, value]) => withoutChance(`${name}: ${name === 'grpc-message' ? 'any' : value}`)).sort() };
    }),
  );
  const lines = await logOf(logFile);
  const outcomes = calls.map((call, index): [string, Outcome] => {
    const id = `c${index}`;
    const seen = backend.seen.get(id) ?? [];
    const log = lines.find((line) => line.startsWith(`${id} `))?.slice(id.length + 1) ?? '';
    const { status = 0, fields = [] } = answers[index] ?? {};
    return [titleOf(call), { status, fields, attempts: backend.attempts.get(id) ?? 0, seen: seen.map(withoutChance), log }];
  });
  return new Map(outcomes);
}

async function logOf(file: string): Promise<readonly string[]> {
  let lines: readonly string[] = [];
  await waitUntil('the access log to be complete', async () => {
    lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
    return lines.length >= calls.length;
  });
  return lines;
}

const runEmbedded = once(() => run((file, ready) => startHeddle(['proxy', '-c', file], { ready })));

void test('retries and timeouts go by their policies: embedded proxy', async () => {
  const outcomes = await runEmbedded();
  const of = (route: string, script: string): Outcome | undefined => outcomes.get(titleOf({ route, script }));
  assert.deepEqual([of('istio-default', '503,200')?.status, of('istio-default', '503,200')?.attempts], [200, 2]);
  assert.deepEqual([of('istio-default', '503')?.attempts, of('istio-default', '503')?.log], [3, '503 URX via_upstream']);
  assert.deepEqual([of('per-try', 'slow')?.attempts, of('per-try', 'slow')?.status], [3, 504]);
  assert.deepEqual([of('none', '503,200')?.attempts, of('zero', '503,200')?.attempts], [1, 1]);
});

envoyTest('retries and timeouts are the same on Envoy', async (binary) => {
  const args = (file: string): string[] => [
    '-c',
    file,
    '--use-dynamic-base-id',
    '--log-level',
    'error',
    '--concurrency',
    '1',
    '--file-flush-interval-msec',
    '50',
  ];
  const real = await run((file, ready) => startProcess({ command: binary, args: args(file), ready }));
  assert.deepEqual(Object.fromEntries(await runEmbedded()), Object.fromEntries(real));
});
