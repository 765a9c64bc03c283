import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DenialLog } from '#proxy/denial-log.ts';
import { HandClock } from '#test/support/hand-clock.ts';

test('whoever knocks without end does not fill the log', () => {
  const clock = new HandClock();
  const lines: string[] = [];
  let asked = 0;
  const log = new DenialLog({ log: (_, message) => lines.push(message) }, clock);
  const knock = (): void => log.note('request', '10.0.0.9', () => `why ${++asked}`);
  for (let count = 0; count < 25; count++) knock();
  assert.deepEqual([lines.length, asked, lines[9]], [10, 10, 'request denied: why 10']);
  clock.advance(1000);
  knock();
  assert.deepEqual(lines.slice(10), ['15 more were denied within a second', 'request denied: why 11']);
});
