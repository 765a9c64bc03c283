import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AnyResource, ResourcesByKind } from '#api/kinds.ts';
import { kindNames } from '#api/kinds.ts';
import { localPortsAnnotation } from '#api/local-ports.ts';
import { readText } from '#api/read-text.ts';
import { resourceKey } from '#api/resource.ts';
import { buildMesh } from '#model/build/mesh.ts';

const workloads = `
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { selector: { app: web }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: mixed, namespace: shop }
spec: { selector: { app: mixed }, ports: [{ name: http, port: 80, targetPort: 8080 }, { name: tcp, port: 9090 }] }
---
apiVersion: v1
kind: Service
metadata: { name: bytes, namespace: shop }
spec: { selector: { app: bytes }, ports: [{ name: tcp, port: 9090 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: web, namespace: shop, labels: { app: web } }
spec: { containers: [{ name: app, image: a }] }
---
apiVersion: v1
kind: Pod
metadata: { name: mixed, namespace: shop, labels: { app: mixed } }
spec: { containers: [{ name: app, image: a }] }
---
apiVersion: v1
kind: Pod
metadata: { name: bytes, namespace: shop, labels: { app: bytes } }
spec: { containers: [{ name: app, image: a }] }
---
apiVersion: v1
kind: Pod
metadata: { name: bare, namespace: shop, labels: { app: bare, sidecar.istio.io/inject: 'false' } }
spec: { containers: [{ name: app, image: a }] }
`;

function policy(spec: string, namespace = 'shop', name = 'p'): string {
  return `---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: ${spec}\n`;
}

function findings(...documents: readonly string[]): readonly string[] {
  const { items } = readText('x.yaml', `${workloads}${documents.join('')}`);
  const broken = items.filter(({ resource }) => resource === undefined);
  assert.deepEqual(
    broken.flatMap(({ diagnostics }) => diagnostics),
    [],
    'the test has a mistake in its YAML',
  );
  const mesh = buildMesh({ resources: byKind(items.flatMap(({ resource }) => resource ?? [])) });
  return mesh.diagnostics
    .filter(({ message }) => message.includes('AuthorizationPolicy'))
    .map(({ code, severity, message }) => `${severity} ${code} ${message}`);
}

function byKind(resources: readonly AnyResource[]): ResourcesByKind {
  const entries = kindNames().map((kind) => {
    const own = resources.filter((resource) => resource.kind === kind);
    return [kind, new Map(own.map((resource) => [resourceKey(resource.metadata), resource]))] as const;
  });
  // Each kind holds resources of that kind only.
  return Object.fromEntries(entries) as unknown as ResourcesByKind;
}

const strict = `---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: s, namespace: shop }\nspec: { mtls: { mode: STRICT } }\n`;
const disabled = strict.replace('STRICT', 'DISABLE');

function selecting(app: string, rest: string): string {
  return policy(`{ selector: { matchLabels: { app: ${app} } }, ${rest} }`);
}

const rows: readonly (readonly [title: string, documents: readonly string[], expected: readonly RegExp[]])[] = [
  ['a policy that workloads enforce', [policy('{}')], [/HDL0074 .* is for shop\/bare, which has no proxy/]],
  ['one that is for nobody', [selecting('nobody', 'rules: [{}]')], [/^error IST0127 AuthorizationPolicy shop\/p selects no workload/]],
  ['one of an empty namespace', [policy('{}', 'empty')], [/^error IST0127 .* namespace empty, which has no workload/]],
  ['one of the whole mesh', [policy('{}', 'istio-system')], [/HDL0074/]],
  ['one of the root namespace for nobody', [policy('{ selector: { matchLabels: { app: x } } }', 'istio-system')], [/^error IST0127/]],
  [
    'a target that is not there',
    [policy('{ targetRefs: [{ kind: Service, name: gone }] }')],
    [/^error IST0127 .* is for Service gone, behind which there is no workload/],
  ],
  ['a waypoint', [policy('{ targetRefs: [{ group: gateway.networking.k8s.io, kind: GatewayClass, name: istio-waypoint }] }')], [/^error IST0127/]],
  ['a service', [policy('{ targetRefs: [{ kind: Service, name: web }], rules: [{}] }')], []],
  ['a workload without a sidecar', [selecting('bare', 'rules: [{}]')], [/^error HDL0074 .* is for shop\/bare, which has no proxy/]],
  [
    'HTTP asked for on bytes alone',
    [selecting('bytes', 'rules: [{ to: [{ operation: { methods: [GET] } }] }]')],
    [/^error HDL0075 .* on port 9090, which carries bytes, and so lets nobody in/],
  ],
  [
    'HTTP denied on bytes alone',
    [selecting('bytes', "action: DENY, rules: [{ when: [{ key: 'request.headers[a]', values: [b] }] }]")],
    [/^error HDL0075 .* denies whatever its other fields pick/],
  ],
  [
    'a host denied that a port passes by',
    [selecting('web', 'action: DENY, rules: [{ to: [{ operation: { hosts: [shop.example.com] } }] }]')],
    [/^warning HDL0085 .* hosts keeps out shop\.example\.com, and not shop\.example\.com:80/],
  ],
  [
    'a host left out of what is let in, likewise',
    [selecting('web', "rules: [{ to: [{ operation: { notHosts: ['*.example.com'] } }] }]")],
    [/^warning HDL0085 .* notHosts keeps out \*\.example\.com, and not x\.example\.com:80/],
  ],
  [
    'hosts denied with their ports, and hosts that are let in',
    [
      selecting('web', "action: DENY, rules: [{ to: [{ operation: { hosts: [a.example.com, 'a.example.com:*', 'b.*', 'c:80'] } }] }]"),
      selecting('web', 'rules: [{ to: [{ operation: { hosts: [shop.example.com] } }] }]').replace('name: p', 'name: q'),
    ],
    [],
  ],
  ['HTTP permitted where there are both', [selecting('mixed', 'rules: [{ to: [{ operation: { methods: [GET] } }] }]')], []],
  [
    'HTTP denied where there are both',
    [selecting('mixed', 'action: DENY, rules: [{ to: [{ operation: { methods: [GET] } }] }]')],
    [/^warning HDL0075 .* on port 9090/],
  ],
  [
    'HTTP denied on the port that has it',
    [selecting('mixed', "action: DENY, rules: [{ to: [{ operation: { methods: [GET], ports: ['8080'] } }] }]")],
    [],
  ],
  [
    'HTTP asked for on the port that has not',
    [selecting('mixed', "rules: [{ to: [{ operation: { methods: [GET], ports: ['9090'] } }] }]")],
    [/^error HDL0075 .* on port 9090/],
  ],
  ['what bytes have, on bytes', [selecting('bytes', 'rules: [{ from: [{ source: { ipBlocks: [10.0.0.0/8] } }] }]')], []],
  [
    'nobody to ask',
    [selecting('web', 'action: CUSTOM, provider: { name: oauth }, rules: [{}]')],
    [/^error HDL0076 .* there is no provider oauth to ask, so all that it picks is denied/],
  ],
  [
    'identities denied where plaintext comes in',
    [selecting('web', 'action: DENY, rules: [{ from: [{ source: { namespaces: [bad] } }] }]')],
    [/^warning HDL0077 .* whoever calls without mutual TLS gets past it/],
  ],
  ['identities denied under mutual TLS', [strict, selecting('web', 'action: DENY, rules: [{ from: [{ source: { namespaces: [bad] } }] }]')], []],
  ['identities permitted where plaintext comes in', [selecting('web', 'rules: [{ from: [{ source: { namespaces: [good] } }] }]')], []],
  [
    'all but some permitted where plaintext comes in',
    [selecting('web', 'rules: [{ from: [{ source: { notPrincipals: [x] } }] }]')],
    [/^warning HDL0077/],
  ],
  [
    'identities where mutual TLS is off',
    [disabled, selecting('web', 'rules: [{ from: [{ source: { namespaces: [good] } }] }]')],
    [/^warning HDL0077 .* nobody says who calls/],
  ],
  [
    'a rule against itself',
    [selecting('web', "rules: [{ to: [{ operation: { paths: [/a, /b], notPaths: ['*'] } }] }]")],
    [/^warning HDL0078 .* paths excludes all that it names/],
  ],
  ['a rule that excludes a part', [selecting('web', "rules: [{ to: [{ operation: { paths: ['/a*'], notPaths: [/ab] } }] }]")], []],
  ['claims of no token', [selecting('web', "rules: [{ from: [{ source: { requestPrincipals: ['*'] } }] }]")], [/^warning HDL0079/]],
];

for (const [title, documents, expected] of rows) {
  void test(title, () => {
    const found = findings(...documents);
    assert.equal(found.length, expected.length, found.join('\n'));
    for (const [index, pattern] of expected.entries()) assert.match(found[index] ?? '', pattern);
  });
}

void test('addresses among the processes of one machine', () => {
  const local = `---\napiVersion: v1\nkind: Pod\nmetadata: { name: here, namespace: shop, labels: { app: here }, annotations: { ${localPortsAnnotation}: '{"80": 1234}' } }\nspec: { containers: [{ name: app, image: a }] }\n`;
  const [found, ...more] = findings(local, selecting('here', 'rules: [{ from: [{ source: { ipBlocks: [10.0.0.0/8] } }] }]'));
  assert.match(found ?? '', /^warning HDL0404 .* every call is from 127\.0\.0\.1/);
  assert.deepEqual(more, []);
});

void test('a provider that speaks HTTP, and ports of bytes', () => {
  const config = `---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: istio, namespace: istio-system }\ndata: { mesh: '{"extensionProviders": [{"name": "p", "envoyExtAuthzHttp": {"service": "web.shop.svc.cluster.local", "port": 80}}]}' }\n`;
  const ask = (app: string): readonly string[] => findings(config, selecting(app, 'action: CUSTOM, provider: { name: p }, rules: [{}]'));
  assert.deepEqual(ask('web'), []);
  assert.match(ask('mixed').join(), /^warning HDL0075 .*: nobody is asked about port 9090/);
  assert.match(ask('bytes').join(), /^error HDL0075 .*: nobody is asked about port 9090/);
});

void test('two providers for one workload', () => {
  const ask = (name: string, provider: string): string =>
    policy(`{ selector: { matchLabels: { app: web } }, action: CUSTOM, provider: { name: ${provider} }, rules: [{}] }`, 'shop', name);
  const found = findings(ask('a', 'one'), ask('b', 'two')).filter((line) => line.includes('is asked, too'));
  assert.equal(found.length, 2, found.join('\n'));
});

void test('a dry-run that is neither true nor false, or for an audit, is an error, and the policy is enforced', () => {
  const annotated = (value: string, action: string): string =>
    `---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: p, namespace: shop, annotations: { istio.io/dry-run: '${value}' } }\nspec: { selector: { matchLabels: { app: web } }, action: ${action}, rules: [{}] }\n`;
  assert.match(findings(annotated('maybe', 'DENY')).join(), /error IST0106 .* must be true or false/);
  assert.match(findings(annotated('true', 'AUDIT')).join(), /error IST0106 .* is for ALLOW and DENY/);
  assert.deepEqual(findings(annotated('TRUE', 'DENY')), []);
});
