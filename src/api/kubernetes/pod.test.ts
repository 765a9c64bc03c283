import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readText } from '#api/read-text.ts';

/** Findings of a Pod with this in its spec. */
function findings(spec: string): readonly string[] {
  const text = `apiVersion: v1\nkind: Pod\nmetadata: { name: app }\nspec:\n  ${spec}\n  containers: [{ name: main, command: [app] }]\n`;
  return readText('pod.yaml', text).items.flatMap(({ diagnostics }) => diagnostics.map(({ message }) => message));
}

test('a hostname is a label of DNS, and what stands in for one a name, as Kubernetes has it', () => {
  assert.deepEqual(findings('hostname: db-0\n  subdomain: data'), []);
  for (const spec of ['hostname: -h', 'hostname: "a b"', 'subdomain: a.b', 'hostname: "a\\0b"', `hostname: ${'a'.repeat(64)}`]) {
    assert.match(findings(spec).join('; '), /^Pod: spec\.(hostname|subdomain)/, spec);
  }
  assert.deepEqual(findings('hostAliases: [{ ip: 10.0.0.1, hostnames: [db, db.example.com] }]'), []);
  assert.match(findings('hostAliases: [{ ip: 10.0.0.1, hostnames: ["db\\n10.0.0.2 web"] }]').join(), /^Pod: spec\.hostAliases/);
});
