// Which lines of a log are recent.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linesSince } from '#cli/logs.ts';

test('lines since a moment: by the times with which they begin, all of a log that has none', () => {
  const from = Date.parse('2026-03-01T10:00:00Z');
  const lines = ['[2026-03-01T09:59:59.999Z] "GET /old"', '  its detail', '{"time":"2026-03-01T10:00:00.000Z","path":"/new"}', '  its detail'];
  assert.deepEqual(linesSince(lines, from), lines.slice(2));
  assert.deepEqual(linesSince(lines.slice(0, 2), from), []);
  assert.deepEqual(linesSince(['hello listens', 'done'], from), ['hello listens', 'done']);
});
