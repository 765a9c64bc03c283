// Delegates merged into the rules that name them, as the meshes that two resources make.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BuildMemo } from '#model/build/build-memo.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Mesh } from '#model/mesh.ts';
import type { HttpRule } from '#model/virtual-service.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';

/** `root` and `child` are the http rules of both, in YAML's flow style. */
function meshOf(root: string, child: string, more = ''): Mesh {
  const text = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: root, namespace: a }
spec: { hosts: [host.example.com], http: ${root} }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: child, namespace: b }
spec: { http: ${child} ${more} }
`;
  return buildMesh(snapshotOf(resourcesOf(text)));
}

function merged(root: string, child: string): readonly HttpRule[] {
  return meshOf(root, child).virtualServices[0]?.http ?? [];
}

const to = 'route: [{ destination: { host: x.example.com } }]';
const delegate = 'delegate: { name: child, namespace: b }';

/** Each of the delegate's matches with each of the root's: what they come to, or that they match nothing in common. */
const matches: readonly (readonly [root: string, child: string, merged: string])[] = [
  ['{ uri: { prefix: /a } }', '{ uri: { prefix: /a/b } }', '/a/b*'],
  ['{ uri: { prefix: /a } }', '{ uri: { exact: /ab } }', '/ab'],
  ['{ uri: { prefix: /a } }', '{ uri: { prefix: /b } }', 'none'],
  ['{ uri: { prefix: /a/b } }', '{ uri: { prefix: /a } }', 'none'],
  ['{ uri: { exact: /a } }', '{ uri: { exact: /a } }', '/a'],
  ['{ uri: { exact: /a } }', '{ uri: { prefix: /a } }', 'none'],
  ['{ uri: { prefix: /a } }', '{ uri: { regex: /a/.* } }', 'none'],
  ['{ uri: { regex: /a/.* } }', '{ headers: { x: { exact: v } } }', '~/a/.* x'],
  ['{ headers: { x: { prefix: v } } }', '{ headers: { x: { exact: very } } }', 'x'],
  ['{ headers: { x: { exact: v } } }', '{ headers: { x: {} } }', 'none'],
  ['{ headers: { x: { exact: v } } }', '{ headers: { z: { exact: v } } }', 'x z'],
  ['{ uri: { prefix: /a }, ignoreUriCase: true }', '{ uri: { prefix: /a/b } }', 'none'],
  ['{ port: 80 }', '{ port: 81 }', 'none'],
  ['{ port: 80 }', '{ uri: { exact: /a } }', '/a :80'],
  ['{ sourceNamespace: north }', '{ uri: { exact: /a } }', 'none'],
  ['{ sourceLabels: { a: b } }', '{ sourceLabels: { a: c } }', 'none'],
  ['{ gateways: [g, mesh] }', '{ gateways: [mesh] }', ''],
  ['{ gateways: [g] }', '{ gateways: [mesh] }', 'none'],
];

for (const [root, child, expected] of matches) {
  void test(`${root} and ${child} come to ${expected === '' ? 'everything' : expected}`, () => {
    const [rule] = merged(`[{ match: [${root}], ${delegate} }]`, `[{ match: [${child}], ${to} }]`);
    const [match] = rule?.matches ?? [];
    assert.equal(match === undefined ? 'none' : textOf(match), expected);
  });
}

function textOf({ uri, headers, port }: HttpRule['matches'][number]): string {
  const path =
    uri === undefined || uri.kind === 'present' ? [] : [`${uri.kind === 'regex' ? '~' : ''}${uri.value}${uri.kind === 'prefix' ? '*' : ''}`];
  return [...path, ...headers.map(({ name }) => name), ...(port === undefined ? [] : [`:${port}`])].join(' ');
}

void test('each match of the delegate with each match of the root that it narrows, in the order of the delegate', () => {
  const [rule] = merged(
    `[{ match: [{ name: one, uri: { prefix: /a } }, { name: two, port: 80 }], ${delegate} }]`,
    `[{ match: [{ name: x, uri: { prefix: /a/b } }, { name: w, uri: { prefix: /c } }], ${to} }]`,
  );
  assert.deepEqual(
    rule?.matches.map((match) => `${match.name} ${textOf(match)}`),
    ['one-x /a/b*', 'two-x /a/b* :80', 'two-w /c* :80'],
  );
});

void test('without matches the other side decides', () => {
  assert.deepEqual(merged(`[{ ${delegate} }]`, `[{ match: [{ uri: { exact: /a } }], ${to} }]`)[0]?.matches.map(textOf), ['/a']);
  assert.deepEqual(merged(`[{ match: [{ uri: { exact: /a } }], ${delegate} }]`, `[{ ${to} }]`)[0]?.matches.map(textOf), ['/a']);
});

void test('the delegate’s word counts; what it leaves out is the root’s', () => {
  const [rule, other] = merged(
    `[{ name: r, ${delegate}, timeout: 5s, retries: { attempts: 0 }, headers: { request: { set: { x: root } } }, corsPolicy: {} }]`,
    `[{ name: d, ${to}, timeout: 1s, fault: { abort: { httpStatus: 500 } } }, { ${to} }]`,
  );
  assert.equal(rule?.name, 'r-d');
  assert.equal(rule.timeoutMs, 1000);
  assert.deepEqual(rule.retries, { attempts: 0 });
  assert.deepEqual(rule.fault, { abort: { percent: 0, httpStatus: 500 } });
  assert.equal(rule.cors?.unmatchedPreflights, 'forward');
  assert.equal(other?.name, 'r');
  assert.equal(other.timeoutMs, 5000);
  assert.equal(other.headers?.request.set[0]?.value, 'root');
  assert.equal(rule.origin.line, 10);
  assert.equal(rule.delegatedBy?.line, 5);
});

void test('a delegate for another namespace only is not followed, and said', () => {
  const mesh = meshOf(`[{ ${delegate} }, { name: rest, ${to} }]`, `[{ ${to} }]`, ', exportTo: [b, c]');
  assert.deepEqual(
    mesh.virtualServices[0]?.http.map(({ name }) => name),
    ['rest'],
  );
  assert.match(mesh.diagnostics.find(({ code }) => code === 'HDL0014')?.message ?? '', /not exported to namespace a/);
});

void test('a change of the delegate makes the root anew, nothing else does', () => {
  const memo = new BuildMemo();
  const text = (timeout: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: root, namespace: b }
spec: { hosts: [host.example.com], http: [{ delegate: { name: child } }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: child, namespace: b }
spec: { http: [{ ${to}, timeout: ${timeout} }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: other, namespace: b }
spec: { hosts: [other.example.com], http: [{ ${to} }] }
`;
  const before = resourcesOf(text('1s'));
  const [, changed] = resourcesOf(text('2s'));
  const [root, , other] = before;
  assert.ok(root && changed && other);
  const named = (mesh: Mesh, name: string) => mesh.virtualServices.find((each) => each.name === name);
  const one = buildMesh(snapshotOf(before), memo);
  const two = buildMesh(snapshotOf(before), memo);
  const three = buildMesh(snapshotOf([root, changed, other]), memo);
  assert.equal(named(two, 'root'), named(one, 'root'));
  assert.notEqual(named(three, 'root'), named(one, 'root'));
  assert.equal(named(three, 'root')?.http[0]?.timeoutMs, 2000);
  assert.equal(named(three, 'other'), named(one, 'other'));
  assert.equal(one.virtualServices.length, 2);
});
