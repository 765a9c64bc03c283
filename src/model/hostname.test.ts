import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareSpecificity, hostCovers, hostsOverlap, intersectHosts } from '#model/hostname.ts';

// host, other, overlap, first covers second. Source: Istio, pkg/config/host Name.Matches and SubsetOf.
const pairs: readonly (readonly [string, string, boolean, boolean])[] = [
  ['foo.com', 'foo.com', true, true],
  ['foo.com', 'bar.com', false, false],
  ['*.com', 'foo.com', true, true],
  ['foo.com', '*.com', true, false],
  ['*.foo.com', 'foo.com', false, false],
  ['*', 'foo.com', true, true],
  ['*', '*.com', true, true],
  ['*.com', '*', true, false],
  ['*.com', '*.foo.com', true, true],
  ['*.foo.com', '*.bar.com', false, false],
];

for (const [a, b, overlap, covers] of pairs) {
  void test(`${a} and ${b}`, () => {
    assert.equal(hostsOverlap(a, b), overlap);
    assert.equal(hostsOverlap(b, a), overlap);
    assert.equal(hostCovers(a, b), covers);
  });
}

void test('an intersection keeps the more specific host of each pair, once', () => {
  assert.deepEqual(intersectHosts(['*.example.com', 'exact.org'], ['a.example.com', '*', 'other.net']), [
    'a.example.com',
    '*.example.com',
    'exact.org',
  ]);
  assert.deepEqual(intersectHosts(['a.com'], ['b.com']), []);
});

void test('exact hosts come before wildcards, long wildcards before short ones', () => {
  assert.deepEqual(['*', '*.com', 'b.com', '*.foo.com'].sort(compareSpecificity), ['b.com', '*.foo.com', '*.com', '*']);
});
