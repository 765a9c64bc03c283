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

void test('many objects and texts below one object are kept apart, the first of them too', () => {
  const cache = new IdentityCache<object>();
  const above = {};
  const tuples = Array.from({ length: 5 }, (_, index) => ({ objects: [above, {}], text: `${index % 2}` }));
  const made = tuples.flatMap(({ objects, text }) => [cache.get(objects, text, () => ({})), cache.get(objects, 'other', () => ({}))]);
  assert.equal(new Set(made).size, 10);
  const again = tuples.flatMap(({ objects, text }) => [cache.get(objects, text, () => ({})), cache.get(objects, 'other', () => ({}))]);
  for (const [index, value] of again.entries()) assert.equal(value, made[index]);
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
