import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { analyze } from '#analyze/analyze.ts';
import { type AnyResource, kindNames, type ResourcesByKind } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';
import { resourceKey } from '#api/resource.ts';
import { compareDiagnostics, type Diagnostic, formatDiagnostic } from '#base/diagnostic.ts';
import { buildMesh } from '#model/build/mesh.ts';

const examples = join(import.meta.dirname, '../../examples');

/** Everything that is said about some texts, as it is printed. */
function adviceOn(texts: Readonly<Record<string, string>>): readonly string[] {
  const byKind: Record<string, Map<string, AnyResource>> = Object.fromEntries(kindNames().map((kind) => [kind, new Map()]));
  const found: Diagnostic[] = [];
  for (const [file, text] of Object.entries(texts)) {
    const { items, syntaxErrors } = readText(file, text);
    found.push(...syntaxErrors, ...items.flatMap(({ diagnostics }) => diagnostics));
    for (const { resource } of items) if (resource !== undefined) byKind[resource.kind]?.set(resourceKey(resource.metadata), resource);
  }
  // Every kind was filled above with resources of that kind only.
  const resources = byKind as unknown as ResourcesByKind;
  return [...found, ...analyze(buildMesh({ resources }), resources)].sort(compareDiagnostics).map(formatDiagnostic);
}

function textsOf(folder: string): Readonly<Record<string, string>> {
  const names = readdirSync(join(examples, folder)).filter((name) => name.endsWith('.yaml') && name !== 'heddle.yaml');
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(examples, folder, name), 'utf8')]));
}

for (const example of ['hello', 'bookinfo']) {
  test(`examples/${example} has nothing to say about`, () => assert.deepEqual(adviceOn(textsOf(example)), []));
}

test('the four mistakes of the mesh as it is often published, each with its place and the fix', () => {
  const [service, sidecar, probes, host, ...more] = adviceOn(textsOf('hello/as-published'));
  assert.deepEqual(more, []);
  assert.match(service ?? '', /^hello\.yaml:9:3: error \[HDL0020\] Service default\/hello selects no Pod, .*503\n/);
  assert.match(service ?? '', /fix: Pod default\/hello-istio lacks label app: hello: add to its metadata\.labels$/);
  assert.match(
    sidecar ?? '',
    /^hello\.yaml:27:7: warning \[HDL0022\] Pod default\/hello-istio: the container istio-proxy is written by hand.*\n {4}fix: remove/,
  );
  assert.match(probes ?? '', /^hello\.yaml:32:3: warning \[HDL0010\] Pod: unknown fields readinessProbe and livenessProbe in spec/);
  assert.match(probes ?? '', /\n {4}hello\.yaml:36:3: livenessProbe too\n {4}fix: move them into spec\.containers\[\]$/);
  assert.match(
    host ?? '',
    /^routing\.yaml:33:13: error \[IST0101\] host "hello" not found: the short name means hello\.istio-system\.svc\.cluster\.local/,
  );
  assert.match(host ?? '', /fix: write hello\.default\.svc\.cluster\.local$/);
});

test('a rule whose delegate is not there is said', () => {
  const advice = adviceOn({
    'in.yaml': `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: front }
spec:
  hosts: [front.example.com]
  http: [{ delegate: { name: pages } }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: page }
spec:
  http: [{ directResponse: { status: 200 } }]
`,
  });
  assert.deepEqual(
    advice.filter((line) => line.includes('not found')),
    [
      `in.yaml:6:12: error [HDL0014] delegate VirtualService default/pages not found: the rule is left out, and its requests go on to the next one
    fix: did you mean default/page?`,
    ],
  );
});
