import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '#envoy/create.ts';
import { type Config, Config_Histogram_Unit, ConfigSchema } from '#envoy/gen/envoy/extensions/access_loggers/stats/v3/stats_pb.js';
import { type AccessRecord, newAccessRecord } from '#telemetry/access-record.ts';
import { IstioText } from '#telemetry/metrics/istio-text.ts';
import { MetricStore } from '#telemetry/metrics/metric-store.ts';
import { compileStatsLogger } from '#telemetry/metrics/stats-logger.ts';

function record(fields: Partial<AccessRecord> = {}): AccessRecord {
  const none = { directRemoteAddress: '', directRemoteIp: '', directRemotePort: 0, serverName: '', tlsVersion: '', tlsCipher: '' };
  const connection = {
    id: 1,
    localAddress: '',
    localIp: '',
    localPort: 0,
    ...none,
    peerUriSans: [],
    localUriSans: [],
    peerSubject: '',
    peerOtherNames: '',
  };
  return { ...newAccessRecord(connection, 0), responseCode: 200, ...fields };
}

function config(
  maxCounters = 100,
  tags: readonly (readonly [string, string])[] = [
    ['code', '%RESPONSE_CODE%'],
    ['by', 'me'],
  ],
): Config {
  const stat = { tags: tags.map(([name, valueFormat]) => ({ name, valueFormat })) };
  return create(ConfigSchema, {
    statsScope: { prefix: 'istio', sharingName: 'istio', maxCounters },
    counters: [{ stat: { name: 'requests_total', ...stat }, valueFixed: 1n }],
    histograms: [{ stat: { name: 'request_bytes', ...stat }, unit: Config_Histogram_Unit.Bytes, valueFormat: '%BYTES_RECEIVED%' }],
  });
}

function logger(store: MetricStore, message = config()) {
  const compiled = compileStatsLogger(message, store);
  assert.ok(compiled.ok, compiled.ok ? '' : compiled.error);
  return compiled.value;
}

test('counts and distributes by what the formats read', () => {
  const store = new MetricStore();
  const { write } = logger(store);
  write(record({ bytesReceived: 7 }));
  write(record({ bytesReceived: 4_000_000 }));
  write(record({ responseCode: 503 }));
  const lines = store.print().split('\n');
  assert.ok(lines.includes('envoy_istio_requests_total{code="200",by="me"} 2'));
  assert.ok(lines.includes('envoy_istio_requests_total{code="503",by="me"} 1'));
  assert.ok(lines.includes('envoy_istio_request_bytes_bucket{code="200",by="me",le="5"} 0'));
  assert.ok(lines.includes('envoy_istio_request_bytes_bucket{code="200",by="me",le="10"} 1'));
  assert.ok(lines.includes('envoy_istio_request_bytes_bucket{code="200",by="me",le="+Inf"} 2'));
  assert.ok(lines.includes('envoy_istio_request_bytes_sum{code="200",by="me"} 4000007'));
  assert.ok(lines.includes('# TYPE envoy_istio_request_bytes histogram'));
});

test('a listener that is compiled anew goes on with the numbers it had', () => {
  const store = new MetricStore();
  logger(store).write(record());
  logger(store).write(record());
  assert.match(store.print(), /^envoy_istio_requests_total\{code="200",by="me"\} 2$/m);
});

test('10,000 values of a label are no more series than the scope has room for, and those beyond are counted', () => {
  const store = new MetricStore();
  const { write } = logger(store, config(50, [['path', '%REQ(:PATH)%']]));
  for (let n = 0; n < 10_000; n++) write(record({ path: `/${n}` }));
  const text = store.print();
  assert.equal(text.match(/^envoy_istio_requests_total\{/gm)?.length, 50);
  assert.match(text, /^envoy_server_stats_overflow_counter\{\} 9950$/m);
});

test('what is idle for a whole interval goes, makes room, and begins again from nothing', () => {
  const store = new MetricStore();
  const { write } = logger(store, config(2));
  write(record());
  write(record({ responseCode: 503 }));
  store.dropIdle();
  write(record());
  store.dropIdle();
  assert.ok(!store.print().includes('503'));
  write(record({ responseCode: 404 }));
  write(record({ responseCode: 200 }));
  assert.match(store.print(), /\{code="404",by="me"\} 1$/m);
  assert.match(store.print(), /^envoy_istio_requests_total\{code="200",by="me"\} 3$/m);
});

test('values keep to the text format whatever is in them', () => {
  const store = new MetricStore();
  const { write } = logger(store, config(10, [['host', '%REQ(:AUTHORITY)%']]));
  write(record({ authority: 'a"b\\c\nd{e="}' }));
  const raw = store.print();
  assert.match(raw, /^envoy_istio_requests_total\{host="a\\"b\\\\c\\nd\{e=\\"\}"\} 1$/m);
  const text = new IstioText('', 'test').rewrite(raw);
  assert.match(text, /^istio_requests_total\{.*,host="a\\"b\\\\c\\nd\{e=\\"\}"\} 1$/m);
});

test('formats that cannot be compiled are named', () => {
  const bad = compileStatsLogger(config(1, [['x', '%NOTHING%']]), new MetricStore());
  assert.ok(!bad.ok && bad.error.startsWith('tag x: '));
});

test('labels that a Telemetry removes are left out, and series that become one are one', () => {
  const text = new IstioText('web;shop;web;v1;Kubernetes', 'test').rewrite(
    '# TYPE envoy_istio_requests_total counter\n' +
      'envoy_istio_requests_total{reporter="source",peer="a;n;a;v1;c",response_code="200",removed="destination_workload destination_version destination_app destination_canonical_service"} 2\n' +
      'envoy_istio_requests_total{reporter="source",peer="b;n;b;v1;c",response_code="200",removed="destination_workload destination_version destination_app destination_canonical_service"} 3\n',
  );
  const lines = text.split('\n').filter((line) => line.startsWith('istio_requests_total{'));
  assert.equal(lines.length, 1);
  assert.ok(lines[0]?.endsWith('} 5') && !lines[0].includes('destination_workload=') && lines[0].includes('source_workload="web"'));
});

test('of a peer without a name of its own the certificate tells the namespace', () => {
  const text = new IstioText('web;shop;web;;Kubernetes;;', 'test').rewrite(
    'envoy_istio_requests_total{reporter="destination",peer="",source_principal="spiffe://td/ns/far/sa/x",response_code="0"} 1\n',
  );
  assert.match(text, /source_workload="unknown",source_workload_namespace="far",source_principal="spiffe:\/\/td\/ns\/far\/sa\/x"/);
  assert.match(
    text,
    /destination_app="unknown",destination_version="unknown",destination_canonical_service="web",destination_canonical_revision="latest"/,
  );
  assert.match(text, /connection_security_policy="mutual_tls"/);
});

test('5,000 series are printed in time', () => {
  const store = new MetricStore();
  const { write } = logger(
    store,
    config(5_000, [
      ['path', '%REQ(:PATH)%'],
      ['peer', 'a;b;c;d;e'],
      ['service', 'h;n;s'],
      ['reporter', 'source'],
    ]),
  );
  // One counter and one histogram of 22 lines each.
  for (let n = 0; n < 5_000 / 23; n++) write(record({ path: `/${n}` }));
  const text = new IstioText('web;shop;web;v1;Kubernetes', 'test');
  text.rewrite(store.print());
  const before = process.cpuUsage();
  const lines = text.rewrite(store.print()).split('\n').length;
  const { user, system } = process.cpuUsage(before);
  assert.ok(lines > 5_000);
  assert.ok((user + system) / 1000 < 300, `${(user + system) / 1000} ms of CPU`);
});
