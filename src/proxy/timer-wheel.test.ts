import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Timer, TimerWheel } from '#proxy/timer-wheel.ts';
import { HandClock } from '#test/support/hand-clock.ts';

function recorder(clock: HandClock): { readonly fired: number[]; readonly onTimer: () => void } {
  const fired: number[] = [];
  return { fired, onTimer: () => void fired.push(clock.monotonicMs()) };
}

test('a deadline is kept within two ticks and never early', () => {
  for (const delayMs of [1, 19, 20, 21, 500, 10_219, 10_240, 60_000, 3_600_000]) {
    const clock = new HandClock();
    const owner = recorder(clock);
    new Timer(new TimerWheel(clock), owner).arm(delayMs);
    clock.advance(delayMs - 1);
    assert.deepEqual(owner.fired, [], `${delayMs} ms: early`);
    clock.advance(41);
    assert.equal(owner.fired.length, 1, `${delayMs} ms: late`);
  }
});

test('arming again moves the deadline, either way; disarming and releasing end it', () => {
  const clock = new HandClock();
  const wheel = new TimerWheel(clock);
  const owner = recorder(clock);
  const timer = new Timer(wheel, owner);
  timer.arm(100);
  clock.advance(90);
  timer.arm(100);
  clock.advance(90);
  assert.deepEqual(owner.fired, []);
  timer.arm(10);
  clock.advance(60);
  assert.equal(owner.fired.length, 1);
  timer.arm(10);
  timer.disarm();
  clock.advance(1000);
  timer.arm(10);
  timer.release();
  clock.advance(1000);
  assert.equal(owner.fired.length, 1);
});

test('an empty wheel stands still', () => {
  const clock = new HandClock();
  const timer = new Timer(new TimerWheel(clock), recorder(clock));
  timer.arm(10);
  clock.advance(1000);
  assert.equal(clock.pending, 0);
});

test('a timer armed by another one’s end is kept too', () => {
  const clock = new HandClock();
  const wheel = new TimerWheel(clock);
  const owner = recorder(clock);
  const second = new Timer(wheel, owner);
  new Timer(wheel, { onTimer: () => second.arm(20) }).arm(20);
  clock.advance(120);
  assert.equal(owner.fired.length, 1);
});
