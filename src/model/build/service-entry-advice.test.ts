import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readText } from '#api/read-text.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { snapshotOf } from '#test/support/snapshots.ts';

function findings(...specs: readonly (readonly [kind: string, spec: string])[]): readonly string[] {
  const texts = specs.map(
    ([kind, spec], index) => `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: { name: x${index} }\nspec: { ${spec} }\n`,
  );
  const items = texts.flatMap((text) => readText('x.yaml', text).items);
  const mesh = buildMesh(snapshotOf(items.flatMap(({ resource }) => resource ?? [])));
  const all = [...items.flatMap(({ diagnostics }) => diagnostics), ...mesh.diagnostics];
  return all.map(({ code, severity, at }) => `${severity} ${code} ${at?.line}: ${at?.path}`);
}

const http = 'ports: [{ number: 80, name: http, protocol: HTTP }]';

test('what does not do what it says is named with its line', () => {
  assert.deepEqual(findings(['ServiceEntry', `hosts: ["*a.com"], ${http}, workloadSelector: { labels: { app: a } }`]), [
    'warning HDL0042 4: spec.hosts[0]',
    'warning HDL0042 4: spec.workloadSelector',
  ]);
  assert.deepEqual(findings(['ServiceEntry', `hosts: [a.com], ${http}, resolution: STATIC, endpoints: [{ network: n2 }]`]), [
    'warning HDL0042 4: spec.endpoints[0]',
  ]);
  assert.deepEqual(findings(['WorkloadEntry', 'network: n2'], ['WorkloadEntry', 'address: "unix:///a"']), [
    'warning HDL0042 4: spec',
    'warning HDL0042 4: spec.address',
  ]);
});

test('of hosts that are looked up by request, TLS is not served yet', () => {
  const ports = 'ports: [{ number: 80, name: http, protocol: HTTP }, { number: 443, name: tls, protocol: TLS }]';
  assert.deepEqual(findings(['ServiceEntry', `hosts: ["*.a.com"], ${ports}, resolution: DYNAMIC_DNS`]), ['warning HDL0042 4: spec.ports[1]']);
});

test('who loses an address to an older service is told', () => {
  const at = (host: string, address: string, protocol: string, more = ''): readonly [string, string] => [
    'ServiceEntry',
    `hosts: [${host}], addresses: [${address}], ports: [{ number: 9000, name: p, protocol: ${protocol} }]${more}`,
  ];
  assert.deepEqual(findings(at('a.com', '10.1.2.3/16', 'TCP'), at('b.com', '10.1.9.9/16', 'TCP')), ['warning HDL0043 4: spec.ports[0]']);
  assert.deepEqual(findings(at('a.com', '10.1.2.3', 'TCP'), at('b.com', '10.1.2.3', 'TLS')), ['warning HDL0043 4: spec.ports[0]']);
  assert.deepEqual(findings(at('a.com', '10.1.2.3', 'TLS'), at('b.com', '10.1.2.3', 'HTTPS')), []);
  assert.deepEqual(findings(at('a.com', '10.1.2.3', 'HTTP'), at('b.com', '10.1.2.3', 'HTTP')), []);
  assert.deepEqual(findings(at('a.com', '10.1.0.0/16', 'TCP'), at('b.com', '10.1.2.0/24', 'TCP')), []);
  assert.deepEqual(findings(at('a.com', '10.1.2.3', 'TCP', ', exportTo: [one]'), at('b.com', '10.1.2.3', 'TCP', ', exportTo: [two]')), []);
});

test('entries as they should be are not warned of', () => {
  assert.deepEqual(
    findings(
      ['ServiceEntry', `hosts: ["*.a.com"], ${http}`],
      ['ServiceEntry', `hosts: [b.com], ${http}, resolution: STATIC`],
      ['WorkloadEntry', 'address: 1.1.1.1, ports: { http: 80 }, labels: { app: a }'],
    ),
    [],
  );
});
