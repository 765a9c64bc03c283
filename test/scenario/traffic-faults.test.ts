// examples/traffic/faults: what a caller meets when the service it needs is slow or fails, on purpose.
import assert from 'node:assert/strict';
import { inEachNetwork } from '#test/scenario/own-network.ts';
import { example } from '#test/scenario/up.ts';

const host = 'till.example.com';

inEachNetwork('faults: one question is held up, one fails, a tester fails one time in two, all others are served', async (start) => {
  await using up = await start({ path: example('traffic/faults') });
  assert.equal((await up.call(host, '/milk')).body, 'there are 7\n');
  assert.equal((await up.call(host, '/bread')).body, 'the stock room does not answer in time\n');
  assert.equal((await up.call(host, '/cheese')).body, 'the stock room answers 503\n');
  const answers = { failed: 0, served: 0 };
  for (let turn = 0; turn < 60; turn += 1) {
    const { body } = await up.call(host, '/milk', { 'x-user': 'tester' });
    answers[body === 'there are 7\n' ? 'served' : 'failed'] += 1;
  }
  // One in two of 60: outside of this once in a million runs.
  assert.ok(answers.failed >= 11 && answers.failed <= 49, JSON.stringify(answers));
});
