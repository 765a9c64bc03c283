import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDurationMs } from '#base/duration.ts';

test('durations are read as Go reads them', () => {
  const cases: readonly (readonly [string, number | undefined])[] = [
    ['1s', 1000],
    ['1.5s', 1500],
    ['.5s', 500],
    ['1h30m', 5_400_000],
    ['100ms', 100],
    ['1us', 0.001],
    ['0', 0],
    ['0s', 0],
    ['-2s', -2000],
    ['1', undefined],
    ['', undefined],
    ['s', undefined],
    ['1 s', undefined],
    ['1d', undefined],
    ['1s ', undefined],
  ];
  for (const [text, ms] of cases) assert.equal(parseDurationMs(text), ms, JSON.stringify(text));
});
