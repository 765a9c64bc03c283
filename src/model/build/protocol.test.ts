import assert from 'node:assert/strict';
import { test } from 'node:test';
import { protocolOf } from '#model/build/protocol.ts';

const cases: readonly (readonly [name: string, facts: Parameters<typeof protocolOf>[0], protocol: string])[] = [
  ['the name', { number: 80, name: 'http' }, 'http'],
  ['the name before a dash', { number: 80, name: 'http2-api' }, 'http2'],
  ['grpc-web, which has a dash', { number: 80, name: 'grpc-web-ui' }, 'grpc-web'],
  ['any case', { number: 80, name: 'HTTPS-x' }, 'https'],
  ['appProtocol before the name', { number: 80, name: 'http', appProtocol: 'tcp' }, 'tcp'],
  ["Kubernetes' own names", { number: 80, appProtocol: 'kubernetes.io/h2c' }, 'http2'],
  ['a database is bytes', { number: 27018, name: 'mongo' }, 'tcp'],
  ['nothing said', { number: 80, name: 'web' }, 'auto'],
  ['a port where the server speaks first', { number: 3306, name: 'db' }, 'tcp'],
  ['UDP, whatever the name', { number: 53, name: 'http', transport: 'UDP' }, 'udp'],
];

for (const [name, facts, protocol] of cases) {
  void test(`protocol by ${name}`, () => assert.equal(protocolOf(facts), protocol));
}
