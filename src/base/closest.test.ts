import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closest, editDistance } from '#base/closest.ts';

void test('the nearest word within a third of its length is meant, else none', () => {
  assert.equal(closest('reveiws', ['details', 'reviews', 'ratings']), 'reviews');
  assert.equal(closest('Reviews', ['reviews']), 'reviews');
  assert.equal(closest('productpage', ['details', 'ratings']), undefined);
});

void test('a distance that is large enough is as good as the exact one', () => {
  const words = ['', 'a', 'ab', 'ba', 'abc', 'acb', 'reviews', 'reveiws', 'rviews', 'views', 'details', 'sliated', 'reviews.default', 'xyz.default'];
  for (const a of words) {
    for (const b of words) {
      const exact = editDistance(a, b);
      for (let enough = 0; enough < 12; enough++) {
        const found = editDistance(a, b, enough);
        if (exact < enough) assert.equal(found, exact, `${a} ${b} ${enough}`);
        else assert.ok(found >= enough, `${a} ${b} ${enough}`);
      }
    }
  }
});
