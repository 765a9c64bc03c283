import assert from 'node:assert/strict';
import { test } from 'node:test';
import { domainsWithAliases, principalsWithAliases } from '#compile/trust-domain.ts';

const domains = ['new.example', 'old.example', 'older.example'];

const rows: readonly (readonly [principal: string, becomes: readonly string[]])[] = [
  ['new.example/ns/a/sa/b', ['new.example/ns/a/sa/b', 'old.example/ns/a/sa/b', 'older.example/ns/a/sa/b']],
  ['old.example/ns/a/sa/b', ['new.example/ns/a/sa/b', 'old.example/ns/a/sa/b', 'older.example/ns/a/sa/b']],
  ['cluster.local/ns/a/sa/b', ['new.example/ns/a/sa/b', 'old.example/ns/a/sa/b', 'older.example/ns/a/sa/b']],
  ['foreign.example/ns/a/sa/b', ['foreign.example/ns/a/sa/b']],
  // What names no trust domain, or any.
  ['*/ns/a/sa/b', ['*/ns/a/sa/b']],
  ['*', ['*']],
  ['*/sa/b', ['*/sa/b']],
  ['old.example/*', ['old.example/*']],
  // A wildcard that covers a domain stays for it.
  ['*r.example/ns/a/sa/b', ['new.example/ns/a/sa/b', 'old.example/ns/a/sa/b', '*r.example/ns/a/sa/b']],
  ['old*/ns/a/sa/*', ['new.example/ns/a/sa/*', 'old.example/ns/a/sa/*', 'older.example/ns/a/sa/*']],
];

for (const [principal, becomes] of rows) {
  void test(`${principal} under all names of the mesh`, () => assert.deepEqual(principalsWithAliases([principal], domains), becomes));
}

void test('each principal once', () => {
  assert.deepEqual(principalsWithAliases(['old.example/ns/a/sa/b', 'new.example/ns/a/sa/b'], ['new.example', 'old.example']), [
    'new.example/ns/a/sa/b',
    'old.example/ns/a/sa/b',
  ]);
});

void test('a trust domain of the mesh stands for all of them, others for themselves', () => {
  assert.deepEqual(domainsWithAliases(['old.example', 'x', '*.example'], domains), [...domains, 'x', '*.example']);
});
