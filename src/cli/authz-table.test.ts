import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuthzReport } from '#app/authz-check.ts';
import { authzLines } from '#cli/authz-table.ts';

const plain = (text: string): string => text;
const paint = { good: plain, bad: plain, warn: plain, dim: plain, strong: plain };

const report: AuthzReport = {
  workload: 'shop/stock-1',
  proxy: 'sidecar',
  others: ['shop/stock-2'],
  policies: [
    { action: 'DENY', policy: 'shop/no-admin', dryRun: false, at: 'mesh.yaml:11:1' },
    { action: 'CUSTOM', policy: 'shop/asks', provider: 'oauth', dryRun: false, at: 'mesh.yaml:20:1' },
  ],
  ports: [
    {
      port: 9090,
      carries: 'bytes',
      rules: [
        { action: 'DENY', policy: 'shop/no-admin', rule: 0, inForce: true, at: 'mesh.yaml:14:31' },
        { action: 'ALLOW', policy: 'shop/viewers', rule: 0, inForce: false, at: 'mesh.yaml:7:7' },
      ],
    },
  ],
  verdict: {
    call: 'GET /admin by somebody without a certificate to port 8080',
    port: 8080,
    carries: 'http',
    result: 'denied',
    by: { policy: 'shop/no-admin', rule: 0, at: 'mesh.yaml:14:31' },
    because: 'deny: path is /admin for anything',
    passedBy: [{ policy: 'shop/other', rule: 1, at: '', because: 'path is /a: it is /admin' }],
  },
  diagnostics: [],
};

void test('policies, ports with their rules, and the verdict', () => {
  assert.deepEqual(authzLines(report, paint).split('\n'), [
    'shop/stock-1, a sidecar (and 1 more of that name)',
    '  DENY   shop/no-admin  mesh.yaml:11:1',
    '  CUSTOM shop/asks asks oauth  mesh.yaml:20:1',
    '',
    'port 9090, bytes',
    '   1. DENY   shop/no-admin rule 0  mesh.yaml:14:31',
    '   2. ALLOW  shop/viewers rule 0  mesh.yaml:7:7 never lets anybody in here: it asks for HTTP',
    '  what no ALLOW rule lets in is denied',
    '',
    'GET /admin by somebody without a certificate to port 8080: denied by shop/no-admin rule 0  mesh.yaml:14:31',
    '  deny: path is /admin for anything',
    '  not matched: shop/other rule 1: path is /a: it is /admin',
  ]);
});

void test('a workload that no policy is for', () => {
  const { verdict: _verdict, ...rest } = report;
  const lines = authzLines({ ...rest, policies: [], ports: [], others: [] }, paint);
  assert.equal(lines, 'shop/stock-1, a sidecar\n  no AuthorizationPolicy is for it: everybody is let in');
});
