import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readText, type TextReading } from '#api/read-text.ts';
import { formatDiagnostic } from '#base/diagnostic.ts';

function said(text: string): readonly string[] {
  const { items, syntaxErrors } = readText('f.yaml', text);
  return [...syntaxErrors, ...items.flatMap(({ diagnostics }) => diagnostics)].map(formatDiagnostic);
}

function virtualService(spec: string, name = 'hello'): string {
  return `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: ${name}\nspec:\n${spec}`;
}

function resourcesOf({ items }: TextReading): readonly string[] {
  return items.flatMap(({ resource }) =>
    resource === undefined ? [] : [`${resource.kind} ${resource.metadata.namespace}/${resource.metadata.name}`],
  );
}

test('one file, several documents, lists in lists; namespaces default to default, and to none for cluster-scoped kinds', () => {
  const text = `apiVersion: v1
kind: Namespace
metadata: {name: team, namespace: ignored}
---
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}
  - apiVersion: v1
    kind: ConfigMapList
    items:
      - metadata: {name: b, namespace: team}
--- # the last
{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "c"}}
`;
  const reading = readText('f.yaml', text);
  assert.deepEqual(
    reading.items.flatMap(({ diagnostics }) => diagnostics),
    [],
  );
  assert.deepEqual(resourcesOf(reading), ['Namespace /team', 'ConfigMap default/a', 'ConfigMap team/b', 'ServiceAccount default/c']);
  const [, , b] = reading.items;
  assert.deepEqual(b?.resource?.origins.at(['metadata', 'name']), {
    file: 'f.yaml',
    line: 12,
    col: 20,
    resource: 'ConfigMap team/b',
    path: 'metadata.name',
  });
});

test('an unknown field of an Istio kind is an error that names the place and the field that was meant', () => {
  assert.deepEqual(said(virtualService('  hosts: [a]\n  htpp:\n    - route: []\n')), [
    'f.yaml:7:3: error [IST0106] VirtualService: unknown field htpp in spec\n    fix: did you mean http?',
  ]);
  assert.deepEqual(said(virtualService('  http:\n    - route:\n        - host: a\n')), [
    'f.yaml:8:11: error [IST0106] VirtualService: required field spec.http[0].route[0].destination is missing',
    'f.yaml:8:11: error [IST0106] VirtualService: unknown field host in spec.http[0].route[0]\n    fix: move it into spec.http[0].route[0].destination',
  ]);
});

test('an unknown field of a Kubernetes kind is a warning, and the resource is kept', () => {
  const text = 'apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  lables: {x: y}\nspec:\n  port: 80\n';
  assert.deepEqual(said(text), [
    'f.yaml:5:3: warning [HDL0010] Service: unknown field lables in metadata: nothing reads it there\n    fix: did you mean labels?',
    'f.yaml:7:3: warning [HDL0010] Service: unknown field port in spec: nothing reads it there\n    fix: move it into spec.ports[]',
  ]);
  assert.equal(readText('f.yaml', text).items[0]?.resource?.kind, 'Service');
});

test('wrong values point at the value, missing fields at what should hold them', () => {
  const text = 'apiVersion: v1\nkind: Service\nmetadata:\n  name: Hello\nspec:\n  ports:\n    - port: "80"\n    - name: x\n';
  assert.deepEqual(said(text), [
    'f.yaml:4:9: error [HDL0011] Service: metadata.name "Hello" must consist of lower-case letters, digits, "-" and ".", and start and end with a letter or digit',
    'f.yaml:7:13: error [HDL0011] Service: spec.ports[0].port must be a whole number, not the text "80"\n    fix: write it without quotes: 80',
    'f.yaml:8:7: error [HDL0011] Service: required field spec.ports[1].port is missing',
  ]);
});

test('kinds: misspelt, of the wrong group or version, known by name only, of another project', () => {
  const of = (apiVersion: string, kind: string): readonly string[] =>
    said(`apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: a}\nspec: {}\n`);
  assert.deepEqual(of('networking.istio.io/v1', 'VirtualServce'), [
    'f.yaml:2:1: error [HDL0004] unknown kind VirtualServce in networking.istio.io/v1\n    fix: did you mean kind VirtualService of networking.istio.io/v1?',
  ]);
  assert.deepEqual(of('v1', 'VirtualService'), [
    'f.yaml:1:1: error [HDL0004] unknown kind VirtualService in v1\n    fix: did you mean kind VirtualService of networking.istio.io/v1?',
  ]);
  assert.deepEqual(of('networking.istio.oi/v1', 'Gateway'), [
    'f.yaml:1:1: error [HDL0004] unknown kind Gateway in networking.istio.oi/v1\n    fix: did you mean kind Gateway of networking.istio.io/v1?',
  ]);
  assert.deepEqual(of('extensions/v1beta1', 'Ingress'), [
    'f.yaml:1:1: error [HDL0004] unknown kind Ingress in extensions/v1beta1\n    fix: did you mean kind Ingress of networking.k8s.io/v1?',
  ]);
  assert.deepEqual(of('networking.istio.io/v2', 'Gateway'), [
    'f.yaml:1:1: error [HDL0005] Gateway does not exist in version networking.istio.io/v2\n    fix: use networking.istio.io/v1',
  ]);
  for (const [group, kind] of [
    ['gateway.networking.k8s.io/v1alpha2', 'UDPRoute'],
    ['v1', 'LimitRange'],
    ['cert-manager.io/v1', 'Certificate'],
  ] as const) {
    assert.match(of(group, kind).join(), new RegExp(`^f\\.yaml:2:1: warning \\[HDL0006\\] ${kind} a has no effect`));
  }
});

test('a UDPRoute says that Istio has none either', () => {
  const text = 'apiVersion: gateway.networking.k8s.io/v1alpha2\nkind: UDPRoute\nmetadata: {name: dns}\n';
  assert.deepEqual(said(text), [
    'f.yaml:2:1: warning [HDL0006] UDPRoute dns has no effect\n    fix: Istio does not support UDPRoute either: its proxies carry HTTP, gRPC, TLS and TCP, and UDP passes them by',
  ]);
});

test('of a Secret only the names of its values are kept', () => {
  const text = 'apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ntype: Opaque\ndata: {password: aHVudGVyMg==}\nstringData: {user: [1]}\n';
  const [item] = readText('f.yaml', text).items;
  assert.deepEqual(item?.diagnostics, []);
  const { data, stringData } = item?.resource?.kind === 'Secret' ? item.resource : {};
  assert.deepEqual({ data, stringData }, { data: { password: '' }, stringData: { user: '' } });
});

test('what is no resource says so', () => {
  assert.deepEqual(said('images: {}\n'), ['f.yaml:1:1: error [HDL0003] not a Kubernetes resource: kind is missing']);
  assert.deepEqual(said('just a text\n'), ['f.yaml:1:1: error [HDL0003] a document must be an object with apiVersion, kind and metadata']);
  assert.deepEqual(said('apiVersion: v1\nkind: ConfigMap\n'), ['f.yaml:1:1: error [HDL0011] ConfigMap: required field metadata.name is missing']);
});

test('a valid field without effect yet is one warning with its line', () => {
  const text = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: a
spec:
  host: a
  trafficPolicy:
    outlierDetection:
      consecutiveErrors: 3
`;
  assert.deepEqual(said(text), [
    'f.yaml:9:7: warning [HDL0012] spec.trafficPolicy.outlierDetection.consecutiveErrors has no effect\n    fix: Istio does not act on it either; write consecutive5xxErrors',
  ]);
});

test('several errors of one file are all there, each at its own line', () => {
  const text = `${virtualService('  hosts: 5\n', 'one')}---\na: [\n---\n${virtualService('  http: {}\n', 'two')}`;
  assert.deepEqual(
    said(text).map((line) => line.slice(0, line.indexOf(']') + 1)),
    ['f.yaml:9:1: error [HDL0001]', 'f.yaml:6:10: error [IST0106]', 'f.yaml:15:9: error [IST0106]'],
  );
});

const rules = '  http: [{route: [{destination: {host: a}}]}]\n';

test('after an edit only what was edited is new; what moved is new with its body kept', () => {
  const before = readText('f.yaml', `${virtualService(`  hosts: [a]\n${rules}`, 'one')}---\n${virtualService(`  hosts: [b]\n${rules}`, 'two')}`);
  const after = readText(
    'f.yaml',
    `${virtualService(`  hosts: [changed]\n${rules}`, 'one')}---\n${virtualService(`  hosts: [b]\n${rules}`, 'two')}`,
    before,
  );
  assert.notEqual(after.items[0]?.resource, before.items[0]?.resource);
  assert.equal(after.items[1]?.resource, before.items[1]?.resource);
  const moved = readText(
    'f.yaml',
    `${virtualService(`  hosts:\n    - changed\n${rules}`, 'one')}---\n${virtualService(`  hosts: [b]\n${rules}`, 'two')}`,
    after,
  );
  const [was, is] = [after.items[1]?.resource, moved.items[1]?.resource];
  assert.ok(was?.kind === 'VirtualService' && is?.kind === 'VirtualService');
  assert.notEqual(is, was);
  assert.equal(is.spec, was.spec);
  assert.equal(is.origins.at(['spec', 'hosts']).line, was.origins.at(['spec', 'hosts']).line + 1);
});

test('a document marker inside a block of text ends the document, as YAML says', () => {
  const text =
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  text: |\n    line\n    ---\n    still text\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n';
  const reading = readText('f.yaml', text);
  assert.deepEqual(resourcesOf(reading), ['ConfigMap default/a', 'ConfigMap default/b']);
  assert.equal(reading.items[1]?.resource?.origins.start.line, 10);
  assert.deepEqual(resourcesOf(readText('f.yaml', `%YAML 1.1\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n...\n`)), [
    'ConfigMap default/a',
  ]);
});

test('windows line endings and a byte order mark', () => {
  const text = `\uFEFF${virtualService('  hosts: [a]\n  bogus: 1\n')}`.replaceAll('\n', '\r\n');
  assert.match(said(text).join(), /^f\.yaml:7:3: error \[IST0106\]/);
});

test('a name that YAML 1.1 reads as false is one error, and says how to write it', () => {
  assert.deepEqual(said('apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: off\n'), [
    'f.yaml:4:9: error [HDL0011] ConfigMap: metadata.name must be a text, not false\n    fix: put it in quotes: "false"',
  ]);
});
