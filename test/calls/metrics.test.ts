// Istio's metrics between two sidecars of every pair of kinds: names, labels and counts are those of the contract, label for label, whichever data plane
// reports them, and nothing that a client sends stands in them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { DataPlane } from '#test/calls/live-proxy.ts';
import { type Stage, type StageOptions, withStage } from '#test/calls/mesh-stage.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { httpCall } from '#test/support/http-call.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const embedded: DataPlane = { kind: 'embedded' };

function between(name: string, options: StageOptions, run: (stage: Stage) => Promise<void>): void {
  test(`${name}: embedded to embedded`, () => withStage(embedded, embedded, options, run));
  envoyTest(`${name}: embedded to Envoy`, (binary) => withStage(embedded, { kind: 'envoy', binary }, options, run));
  envoyTest(`${name}: Envoy to embedded`, (binary) => withStage({ kind: 'envoy', binary }, embedded, options, run));
}

const principal = 'spiffe://cluster.local/ns/shop/sa/default';

function workload(side: 'source' | 'destination', name: string, who: string): Record<string, string> {
  return {
    [`${side}_workload`]: name,
    [`${side}_workload_namespace`]: 'shop',
    [`${side}_principal`]: who,
    [`${side}_app`]: name,
    [`${side}_version`]: 'unknown',
    [`${side}_canonical_service`]: name,
    [`${side}_canonical_revision`]: 'latest',
    [`${side}_cluster`]: 'Kubernetes',
  };
}

const stranger = (who: string): Record<string, string> => {
  const names = Object.keys(workload('source', '', '')).map((label): [string, string] => [label, 'unknown']);
  return { ...Object.fromEntries<string>(names), source_principal: who };
};

const service = { destination_service: 'web.shop.svc.cluster.local', destination_service_name: 'web', destination_service_namespace: 'shop' };
const request = { request_protocol: 'http', response_code: '200', grpc_response_status: '', response_flags: '-' };

const fromClient = {
  reporter: 'source',
  ...workload('source', 'client', principal),
  ...workload('destination', 'server', principal),
  ...service,
  ...request,
  connection_security_policy: 'unknown',
};

const atServer = { ...fromClient, reporter: 'destination', connection_security_policy: 'mutual_tls' };

/** Not by mutual TLS: nothing is known of who called. */
const atServerPlain = {
  ...atServer,
  ...stranger('unknown'),
  destination_principal: 'unknown',
  connection_security_policy: 'none',
};

type Series = { readonly labels: Readonly<Record<string, string>>; readonly value: number };

/** The series of a name. */
function seriesOf(text: string, name: string): readonly Series[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`))
    .map((line) => ({
      labels: Object.fromEntries([...line.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', value = '']) => [label, value])),
      value: Number(line.slice(line.lastIndexOf('}') + 1)),
    }));
}

/** Histograms are told a moment after counters. */
async function settled(metrics: () => Promise<string>, count: number): Promise<string> {
  let text = '';
  await waitUntil('histograms are told', async () => {
    text = await metrics();
    const seen = seriesOf(text, 'istio_response_bytes_count').reduce((sum, { value }) => sum + value, 0);
    return seen >= count;
  });
  return text;
}

const spoofed = {
  host: 'web',
  'x-envoy-peer-metadata': 'Zm9yZ2Vk',
  'x-envoy-peer-metadata-id': 'sidecar~forged',
  baggage: 'k8s.deployment.name=forged',
  'x-forwarded-client-cert': 'By=forged',
};

between('requests are reported by both sides with all labels', {}, async ({ call, direct, metrics }) => {
  for (let n = 0; n < 3; n++) assert.equal((await httpCall({ port: call.http, headers: spoofed })).status, 200);
  assert.equal((await httpCall({ port: direct.http, headers: spoofed })).status, 200);
  const source = await settled(metrics.client, 3);
  const destination = await settled(metrics.server, 4);
  assert.deepEqual(seriesOf(source, 'istio_requests_total'), [{ labels: fromClient, value: 3 }]);
  const byPolicy = (one: Series, other: Series): number =>
    (one.labels['connection_security_policy'] ?? '').localeCompare(other.labels['connection_security_policy'] ?? '');
  assert.deepEqual([...seriesOf(destination, 'istio_requests_total')].sort(byPolicy), [
    { labels: atServer, value: 3 },
    { labels: atServerPlain, value: 1 },
  ]);
  for (const name of ['istio_request_duration_milliseconds', 'istio_request_bytes', 'istio_response_bytes']) {
    assert.deepEqual(seriesOf(source, `${name}_count`), [{ labels: fromClient, value: 3 }], name);
    const buckets = seriesOf(source, `${name}_bucket`);
    assert.equal(buckets.length, 20, name);
    assert.deepEqual(buckets.at(-1), { labels: { ...fromClient, le: '+Inf' }, value: 3 });
  }
  assert.ok(!source.includes('forged') && !destination.includes('forged'));
});

between('a workload without a certificate is known to its callers all the same', {}, async ({ call, metrics }) => {
  assert.equal((await httpCall({ port: call.legacy, headers: { host: 'legacy' } })).status, 200);
  const text = await settled(metrics.client, 1);
  const [one] = seriesOf(text, 'istio_requests_total');
  assert.equal(one?.labels['destination_workload'], 'plain');
  assert.equal(one?.labels['destination_principal'], 'unknown');
  assert.equal(one?.labels['destination_service_name'], 'legacy');
});

const { request_protocol: _http, response_code: _code, grpc_response_status: _status, response_flags: _flags, ...ofBoth } = fromClient;
const tcp = { ...ofBoth, request_protocol: 'tcp', response_flags: '-' };
const tcpAtServer = { ...tcp, reporter: 'destination', connection_security_policy: 'mutual_tls' };

between('connections are reported when they begin and when they end, with their bytes', {}, async ({ call, metrics }) => {
  const socket = connect(call.tcp, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write('hello');
  await once(socket, 'data');
  for (const [side, labels] of [
    ['client', tcp],
    ['server', tcpAtServer],
  ] as const) {
    const text = await metrics[side]();
    assert.deepEqual(seriesOf(text, 'istio_tcp_connections_opened_total'), [{ labels, value: 1 }], side);
    assert.deepEqual(seriesOf(text, 'istio_tcp_connections_closed_total'), [], side);
  }
  socket.end();
  await once(socket, 'close');
  for (const [side, labels] of [
    ['client', tcp],
    ['server', tcpAtServer],
  ] as const) {
    const text = await waitUntil(`${side} tells the end`, async () => {
      const told = await metrics[side]();
      return seriesOf(told, 'istio_tcp_connections_closed_total').length > 0 && told;
    });
    assert.deepEqual(seriesOf(text, 'istio_tcp_connections_opened_total'), [{ labels, value: 1 }], side);
    assert.deepEqual(seriesOf(text, 'istio_tcp_connections_closed_total'), [{ labels, value: 1 }], side);
    assert.deepEqual(seriesOf(text, 'istio_tcp_sent_bytes_total'), [{ labels, value: 5 }], side);
    assert.deepEqual(seriesOf(text, 'istio_tcp_received_bytes_total'), [{ labels, value: 5 }], side);
  }
});

between('nothing is reported where no provider is for metrics', { mesh: 'defaultProviders: { metrics: [] }' }, async ({ call, metrics }) => {
  assert.equal((await httpCall({ port: call.http, headers: { host: 'web' } })).status, 200);
  assert.ok(!(await metrics.client()).includes('istio_requests_total'));
  assert.ok(!(await metrics.server()).includes('istio_requests_total'));
});
