import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findingNews, findingsByText } from '#app/up/finding-news.ts';
import type { Diagnostic } from '#base/diagnostic.ts';

const secret = (message: string, name = 'shop', line = 10): Diagnostic => ({
  code: 'HDL0080',
  severity: 'error',
  message,
  at: { file: 'secrets.yaml', line, col: 3, resource: `Secret default/${name}` },
});

test('what is found anew is told once, and what is gone is mended', () => {
  const [damaged, other] = [secret('damaged'), secret('damaged', 'blog', 20)];
  const now = findingsByText([damaged, other]);
  assert.deepEqual(findingNews(new Map(), now), { fresh: [damaged, other], gone: [] });
  assert.deepEqual(findingNews(now, now), { fresh: [], gone: [] });
  assert.deepEqual(findingNews(now, findingsByText([other])), { fresh: [], gone: [damaged] });
});

test('a finding that another of its kind follows for the same resource is not mended', () => {
  const [damaged, wrong] = [secret('damaged'), secret('does not fit')];
  assert.deepEqual(findingNews(findingsByText([damaged]), findingsByText([wrong])), { fresh: [wrong], gone: [] });
});
