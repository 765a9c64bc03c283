// Every node of the xDS that a user may ask about names the line that made it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { XdsNode } from '#envoy/origin-table.ts';
import { typeUrls } from '#envoy/type-url.ts';
import { compileCase, goldenCases } from '#test/support/golden-case.ts';

const found = goldenCases().find(({ area, name }) => area === 'first' && name === 'hello');
assert.ok(found);
const lines = readFileSync(join(found.folder, 'in.yaml'), 'utf8').split('\n');
const { proxies, mesh } = compileCase(found);
const gateway = proxies.find(({ proxy, mode }) => proxy.type === 'router' && mode === 'redirect');
const sidecar = proxies.find(({ proxy, mode }) => proxy.name === 'hello-v1' && mode === 'redirect');
assert.ok(gateway && sidecar);

const hello = 'hello.default.svc.cluster.local';
const route = { routeConfig: 'http.8080', virtualHost: 'hello.example.com:80', index: 0 };

/** A node, and what stands on the line of its first origin. */
const expected: readonly (readonly [node: XdsNode, line: RegExp])[] = [
  [{ kind: 'listener', listener: '0.0.0.0_8080' }, /^ {4}- port:$/],
  [{ kind: 'virtualHost', routeConfig: route.routeConfig, virtualHost: route.virtualHost }, /^apiVersion: networking\.istio\.io/],
  [{ kind: 'route', ...route }, /^ {8}- uri:$/],
  [{ kind: 'routeDestination', ...route, cluster: `outbound|80|v1|${hello}` }, /^ {8}- destination:$/],
  [{ kind: 'cluster', cluster: `outbound|80|v2|${hello}` }, /^ {4}- name: v2$/],
  [{ kind: 'cluster', cluster: `outbound|80||${hello}` }, /^apiVersion: networking\.istio\.io/],
];

for (const [node, line] of expected) {
  void test(`the origin of ${Object.values(node).join(' ')}`, () => {
    const [origin] = gateway.compiled.origins.get(node);
    assert.ok(origin, 'no origin');
    assert.match(lines[origin.line - 1] ?? '', line);
  });
}

void test('every route, cluster and endpoint that users made has an origin', () => {
  for (const { compiled, title } of [gateway, sidecar]) {
    for (const name of compiled.resources.get(typeUrls.cluster)?.keys() ?? []) {
      if (!name.startsWith('outbound|') && !name.startsWith('inbound|')) continue;
      if (name.includes('istio-ingressgateway')) continue;
      assert.notDeepEqual(compiled.origins.get({ kind: 'cluster', cluster: name }), [], `${title}: ${name}`);
    }
  }
  const endpoints = mesh.services.get(hello)?.endpoints ?? [];
  assert.equal(endpoints.length, 2);
  for (const { address, port } of endpoints) {
    const [origin] = gateway.compiled.origins.get({ kind: 'endpoint', cluster: `outbound|80||${hello}`, address: `${address}:${port}` });
    assert.match(lines[(origin?.line ?? 0) + 1] ?? '', /^kind: Pod$|^metadata:$/);
  }
});

void test('the origin of what a sidecar serves is its service port', () => {
  const [origin] = sidecar.compiled.origins.get({ kind: 'filterChain', listener: 'virtualInbound', filterChain: '0.0.0.0_8080' });
  assert.match(lines[(origin?.line ?? 0) - 1] ?? '', /^ {4}- name: http$/);
});
