import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveGateway, resolveHost } from '#model/build/host-resolution.ts';

const origin = { file: 'x.yaml', line: 1, col: 1 };

void test("a short host is one of the writer's namespace; others are what they are", () => {
  const resolved = (written: string): string => resolveHost(written, 'shop', 'cluster.local', origin).hostname;
  assert.equal(resolved('hello'), 'hello.shop.svc.cluster.local');
  assert.equal(resolved('hello.default'), 'hello.default');
  assert.equal(resolved('Hello.Example.COM'), 'hello.example.com');
  assert.equal(resolved('*'), '*');
  assert.equal(resolved('*.example.com'), '*.example.com');
});

void test('a gateway is named in every form that Istio takes', () => {
  assert.equal(resolveGateway('mesh', 'shop'), 'mesh');
  assert.equal(resolveGateway('edge', 'shop'), 'shop/edge');
  assert.equal(resolveGateway('./edge', 'shop'), 'shop/edge');
  assert.equal(resolveGateway('infra/edge', 'shop'), 'infra/edge');
  assert.equal(resolveGateway('edge.infra.svc.cluster.local', 'shop'), 'infra/edge');
});
