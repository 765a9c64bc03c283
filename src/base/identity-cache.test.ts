import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IdentityCache, PartsCache } from '#base/identity-cache.ts';

void test('the same objects and text give the same value; any other are made anew', () => {
  const cache = new IdentityCache<object>();
  const a = {};
  const b = {};
  const first = cache.get([a, b], 'x', () => ({}));
  assert.equal(
    cache.get([a, b], 'x', () => ({})),
    first,
  );
  for (const [objects, text] of [
    [[a, b], 'y'],
    [[b, a], 'x'],
    [[a], 'x'],
    [[a, b, a], 'x'],
    [[{}, b], 'x'],
  ] as const) {
    assert.notEqual(
      cache.get(objects, text, () => ({})),
      first,
    );
  }
});

void test('a value lasts as long as its parts do', () => {
  const cache = new PartsCache<object>();
  const part = {};
  const first = cache.get('name', [part, 1], () => ({}));
  assert.equal(
    cache.get('name', [part, 1], () => ({})),
    first,
  );
  assert.notEqual(
    cache.get('name', [part], () => ({})),
    first,
  );
  cache.keep((name) => name !== 'name');
  assert.notEqual(
    cache.get('name', [part], () => ({})),
    first,
  );
});
