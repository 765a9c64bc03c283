import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EdfSchedule } from '#decide/edf-schedule.ts';

const turns = (schedule: EdfSchedule, count: number): readonly number[] => Array.from({ length: count }, () => schedule.next());

test('each comes as often as its weight says, spread out', () => {
  const weights = [1, 3, 2];
  const order = turns(new EdfSchedule(3, (index) => weights[index] ?? 1, 0), 12);
  assert.deepEqual(
    weights.map((_, index) => order.filter((turn) => turn === index).length),
    [2, 6, 4],
  );
  assert.deepEqual(order.slice(0, 6), [1, 2, 1, 0, 2, 1]);
});

test('of equals the one that has waited longer comes first', () => {
  assert.deepEqual(turns(new EdfSchedule(4, () => 1, 0), 9), [0, 1, 2, 3, 0, 1, 2, 3, 0]);
});

test('where it begins is up to chance', () => {
  const starts = [0, 0.3, 0.6, 0.9].map((random) => new EdfSchedule(4, () => 1, random).next());
  assert.deepEqual(starts, [0, 1, 2, 3]);
});

test('a weight that changes counts from the next turn on', () => {
  const weights = [1, 1];
  const schedule = new EdfSchedule(2, (index) => weights[index] ?? 1, 0);
  turns(schedule, 10);
  weights[1] = 9;
  const after = turns(schedule, 100);
  assert.ok(Math.abs(after.filter((turn) => turn === 1).length - 90) <= 2, after.join(''));
});

test('a thousand unequal weights keep their shares', () => {
  const weights = Array.from({ length: 1000 }, (_, index) => 1 + (index % 7));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const schedule = new EdfSchedule(1000, (index) => weights[index] ?? 1, 0.5);
  const counts = new Array<number>(1000).fill(0);
  for (const turn of turns(schedule, total * 3)) counts[turn] = (counts[turn] ?? 0) + 1;
  for (const [index, weight] of weights.entries()) assert.ok(Math.abs((counts[index] ?? 0) - weight * 3) <= 1, `${index}: ${counts[index]}`);
});
