import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CheckedCall } from '#app/authz-call.ts';
import { type AuthzReport, checkAuthz } from '#app/authz-check.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const mesh = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: viewers, namespace: shop }
spec:
  selector: { matchLabels: { app: stock } }
  rules:
    - from: [{ source: { principals: [cluster.local/ns/shop/sa/web] } }]
      to: [{ operation: { methods: [GET], paths: ['/items/*'] } }]
    - from: [{ source: { ipBlocks: [10.0.0.0/8] } }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: no-admin, namespace: shop }
spec: { action: DENY, rules: [{ to: [{ operation: { paths: [/admin], ports: ['8080'] } }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: stock, namespace: shop }
spec: { selector: { app: stock }, ports: [{ name: http, port: 80, targetPort: 8080 }, { name: tcp, port: 9090 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: stock-v1, namespace: shop }
spec:
  replicas: 2
  selector: { matchLabels: { app: stock } }
  template:
    metadata: { labels: { app: stock } }
    spec: { containers: [{ name: app, image: stock, ports: [{ containerPort: 8080 }, { containerPort: 9090 }] }] }
`;

async function check(workload: string, call?: Partial<CheckedCall>): Promise<AuthzReport> {
  await using folder = await temporaryFolder();
  const file = await folder.write('mesh.yaml', mesh);
  const asked = call === undefined ? {} : { call: { method: 'GET', path: '/', headers: {}, ...call } };
  const report = await checkAuthz({ paths: [file], workload, namespace: 'shop', ...asked });
  if (!report.ok) throw new Error(report.error);
  return report.value;
}

function line(at: string): string {
  return at.slice(at.indexOf('mesh.yaml'));
}

void test('the policies of a workload, port by port, in the order in which they are asked', async () => {
  const { proxy, others, policies, ports } = await check('stock');
  assert.equal(proxy, 'sidecar');
  assert.equal(others.length, 1);
  assert.deepEqual(policies.map(({ action, policy, at }) => `${action} ${policy} ${line(at)}`).sort(), [
    'ALLOW shop/viewers mesh.yaml:1:1',
    'DENY shop/no-admin mesh.yaml:11:1',
  ]);
  const rules = ports.map(({ port, carries, rules: own }) => [
    `${port} ${carries}`,
    ...own.map(({ action, policy, rule, inForce }) => `${action} ${policy} ${rule}${inForce ? '' : ' not in force'}`),
  ]);
  assert.deepEqual(rules, [
    ['8080 http', 'DENY shop/no-admin 0', 'ALLOW shop/viewers 0', 'ALLOW shop/viewers 1'],
    ['9090 bytes', 'DENY shop/no-admin 0', 'ALLOW shop/viewers 0 not in force', 'ALLOW shop/viewers 1'],
  ]);
});

const calls: readonly (readonly [title: string, call: Partial<CheckedCall>, verdict: string, because: RegExp])[] = [
  ['let in by a rule', { from: 'shop/web', path: '/items/1' }, 'allowed shop/viewers 0 mesh.yaml:7:7', /path begins with \/items\//],
  [
    'an account of the own namespace',
    { from: 'web', path: '/items/1' },
    'allowed shop/viewers 0 mesh.yaml:7:7',
    /spiffe:\/\/cluster\.local\/ns\/shop\/sa\/web/,
  ],
  ['a whole identity', { from: 'spiffe://cluster.local/ns/shop/sa/web', path: '/items/1' }, 'allowed shop/viewers 0 mesh.yaml:7:7', /items/],
  ['an address', { ip: '10.1.2.3' }, 'allowed shop/viewers 1 mesh.yaml:9:7', /10\.0\.0\.0\/8/],
  ['denied by a rule', { ip: '10.1.2.3', path: '/admin' }, 'denied shop/no-admin 0 mesh.yaml:14:31', /path is \/admin/],
  ['denied as nobody lets it in', { from: 'shop/web', method: 'POST', path: '/items/1' }, 'denied', /no policy matches/],
  ['bytes', { from: 'shop/web', port: 9090 }, 'denied', /no policy matches/],
];

for (const [title, call, expected, because] of calls) {
  void test(`a call is ${title}`, async () => {
    const { verdict } = await check('stock', call);
    assert.equal(
      [verdict?.result, verdict?.by?.policy, verdict?.by?.rule, verdict?.by && line(verdict.by.at)].filter((part) => part !== undefined).join(' '),
      expected,
    );
    assert.match(verdict?.because ?? '', because);
  });
}

void test('what did not match is told with the condition that failed', async () => {
  const { verdict } = await check('stock', { from: 'shop/web', method: 'POST', path: '/items/1' });
  assert.deepEqual(
    verdict?.passedBy.map(({ policy, rule }) => `${policy} ${rule}`),
    ['shop/no-admin 0', 'shop/viewers 0', 'shop/viewers 1'],
  );
  assert.match(verdict?.passedBy[1]?.because ?? '', /method is GET: it is POST/);
});

void test('what cannot be read is told where it may be why the workload is missing', async () => {
  await using folder = await temporaryFolder({ 'broken.yaml': 'kind: Pod\n  name: [\n' });
  const at = (name: string): string => `${folder.path}/${name}`;
  const report = await checkAuthz({ paths: [at('broken.yaml'), at('gone.yaml')], workload: 'stock', namespace: 'shop' });
  const error = report.ok ? '' : report.error;
  assert.match(error, /^there is no workload shop\/stock/);
  assert.match(error, /broken\.yaml:\d+:\d+: error \[HDL0001\]/);
  assert.match(error, /gone\.yaml/);
});

void test('a caller or address that cannot be is refused', async () => {
  await assert.rejects(check('stock', { from: 'a/b/c' }), /--from a\/b\/c is nobody/);
  await assert.rejects(check('stock', { from: 'shop/' }), /--from shop\/ is nobody/);
  await assert.rejects(check('stock', { ip: '10.0.0' }), /--ip 10\.0\.0 is no IP address/);
});

void test('a workload that is not there: the names that are', async () => {
  await using folder = await temporaryFolder();
  const file = await folder.write('mesh.yaml', mesh);
  const report = await checkAuthz({ paths: [file], workload: 'stok', namespace: 'shop' });
  assert.match(report.ok ? '' : report.error, /there is no workload shop\/stok; /);
});
