import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileJsonFormat, compileTextFormat, envoyDefaultFormat, istioDefaultFormat } from '#telemetry/access-log-format.ts';
import { type AccessRecord, type ConnectionFacts, newAccessRecord } from '#telemetry/access-record.ts';

const connection: ConnectionFacts = {
  id: 7,
  localAddress: '127.0.0.1:8080',
  localIp: '127.0.0.1',
  localPort: 8080,
  directRemoteAddress: '127.0.0.2:4000',
  directRemoteIp: '127.0.0.2',
  directRemotePort: 4000,
  serverName: '',
  tlsVersion: '',
  tlsCipher: '',
  peerUriSans: [],
  localUriSans: [],
  peerSubject: '',
  peerOtherNames: '',
};

function record(facts: Partial<AccessRecord> = {}): AccessRecord {
  return { ...newAccessRecord(connection, Date.UTC(2026, 0, 2, 3, 4, 5, 67)), ...facts };
}

function text(format: string, facts: Partial<AccessRecord> = {}): string {
  const compiled = compileTextFormat(format);
  assert.ok(compiled.ok, compiled.ok ? '' : compiled.error);
  return compiled.value(record(facts));
}

const served: Partial<AccessRecord> = {
  method: 'GET',
  path: '/a?b=c',
  authority: 'hello',
  protocol: 'HTTP/1.1',
  requestHeaders: ['user-agent', 'curl', 'x-request-id', 'id-1', 'x-twice', '1', 'x-twice', '2'],
  responseHeaders: ['x-envoy-upstream-service-time', '3'],
  responseTrailers: ['grpc-status', '5'],
  responseCode: 200,
  responseCodeDetails: 'via_upstream',
  bytesSent: 1024,
  durationMs: 4.8,
  upstreamHost: '127.0.0.1:9000',
  upstreamLocalAddress: '127.0.0.1:50000',
  upstreamCluster: 'outbound|80||hello',
  routeName: 'default',
  routeMetadata: new Map([['istio:config', '/apis/x']]),
};

test('the default formats of Envoy and Istio print a served request', () => {
  assert.equal(
    text(envoyDefaultFormat, served),
    '[2026-01-02T03:04:05.067Z] "GET /a?b=c HTTP/1.1" 200 - 0 1024 4 3 "-" "curl" "id-1" "hello" "127.0.0.1:9000"\n',
  );
  assert.equal(
    text(istioDefaultFormat, served),
    '[2026-01-02T03:04:05.067Z] "GET /a?b=c HTTP/1.1" 200 - via_upstream - "-" 0 1024 4 3 "-" "curl" "id-1" "hello" "127.0.0.1:9000" ' +
      'outbound|80||hello 127.0.0.1:50000 127.0.0.1:8080 127.0.0.2:4000 - default\n',
  );
});

test('operators take alternatives, lengths and arguments', () => {
  assert.equal(text('%REQ(x-missing?user-agent):2% %REQ(X-TWICE)% %TRAILER(grpc-status)% %GRPC_STATUS%', served), 'cu 1 5 NotFound');
  assert.equal(text('%METADATA(ROUTE:istio:config)% %DYNAMIC_METADATA(a:b)% 100%%', served), '/apis/x - 100%');
  assert.equal(text('%METADATA(ROUTE:other:config)%|%LOCAL_REPLY_BODY%|', served), '-||');
  assert.equal(
    text('%RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG%', { responseFlags: 'UF,URX' }),
    'UF,URX UpstreamConnectionFailure,UpstreamRetryLimitExceeded',
  );
  assert.equal(text('%REQ_WITHOUT_QUERY(:path)%', served), '/a');
});

test('start times follow strftime and the extensions of Envoy', () => {
  assert.equal(text('%START_TIME(%Y/%m/%dT%H:%M:%S%z %s)%'), '2026/01/02T03:04:05+0000 1767323045');
  assert.equal(text('%START_TIME(%s.%3f %E3S %6f %a %b %j)%'), '1767323045.067 05.067 067000 Fri Jan 002');
});

test('an unknown operator is named, and so is a stray percent sign', () => {
  assert.deepEqual(compileTextFormat('%RESPONSE_COD%'), { ok: false, error: 'access log operator %RESPONSE_COD% is not known' });
  assert.deepEqual(compileTextFormat('a % b'), { ok: false, error: "access log format has a '%' at position 2 that starts no operator" });
  assert.deepEqual(compileTextFormat('%REQ%'), { ok: false, error: 'access log operator %REQ%: needs the name of a header' });
});

test('JSON keeps types, sorts keys and prints null for what is not known', () => {
  const compiled = compileJsonFormat({
    z: '%RESPONSE_CODE%',
    a: '%REQ(x-a)%',
    m: 'x %REQ(x-a)%',
    f: '%RESPONSE_FLAGS%',
    n: { b: '%PROTOCOL%', a: 5 },
  });
  assert.ok(compiled.ok);
  assert.equal(compiled.value(record(served)), '{"a":null,"f":"-","m":"x -","n":{"a":5,"b":"HTTP/1.1"},"z":200}\n');
  const omitting = compileJsonFormat({ a: '%REQ(x-a)%', b: '%PROTOCOL%' }, true);
  assert.ok(omitting.ok);
  assert.equal(omitting.value(record(served)), '{"b":"HTTP/1.1"}\n');
});
