import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesFormat } from '#api/format.ts';
import type { Format } from '#api/schema.ts';

const cases: Readonly<Record<Format, { readonly good: readonly string[]; readonly bad: readonly string[] }>> = {
  'protobuf-duration': { good: ['1ms', '1s', '1.5s', '1h30m'], bad: ['0s', '0.5ms', '1', '-1s', '', '1d'] },
  'protobuf-duration-or-zero': { good: ['0s', '0', '1s'], bad: ['-1s', '1', ''] },
  byte: { good: ['', 'aGVsbG8=', 'aGk='], bad: ['a', 'a===', 'ä'] },
  host: {
    good: [
      'hello',
      'hello.default.svc.cluster.local',
      '*',
      '*.example.com',
      'my_service',
      '10.0.0.1',
      '::1',
      'Hello.COM',
      'example.com.',
      '*a.com',
      '*-a.com',
    ],
    bad: ['', 'a b', 'http://a', 'a..b', '-a', 'a.*', '*.*.com', 'a/b', 'a:80'],
  },
  'gateway-host': { good: ['a.com', '*.a.com', 'a'], bad: ['A.com', 'a_b.com', 'a.*.com', '*a.com', 'a..com', '-a.com', ''] },
  'dns-subdomain': { good: ['a', 'a-b.c', '1'], bad: ['A', 'a_b', '', '.a', 'a.', `a${'.a'.repeat(127)}`] },
  'api-group': { good: ['', 'gateway.networking.k8s.io'], bad: ['Group', 'a/b'] },
  kind: { good: ['Service', 'S'], bad: ['', '1a', 'a_b', 'a'.repeat(64)] },
  'dns-label': { good: ['http', 'http-2', 'a'], bad: ['', 'Http', '-a', 'a-', 'a.b', 'a'.repeat(64)] },
  rfc3339: { good: ['2024-01-02T03:04:05Z', '2024-01-02T03:04:05.678+01:00'], bad: ['2024-01-02', 'now', ''] },
};

test('formats take what they should and nothing else', () => {
  for (const [format, { good, bad }] of Object.entries(cases)) {
    // Object.entries forgets that the keys are formats.
    for (const text of good) assert.ok(matchesFormat(format as Format, text), `${format}: ${text}`);
    for (const text of bad) assert.ok(!matchesFormat(format as Format, text), `${format}: ${text}`);
  }
});
