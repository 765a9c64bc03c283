// What Envoy is told of header values: its own commands stay, and a percent sign that is none of them stands for itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headerChanges } from '#compile/header-changes.ts';

const values: readonly (readonly [written: string, told: string])[] = [
  ['plain', 'plain'],
  ['100%', '100%%'],
  ['50% off %REQ(x-a)%', '50%% off %REQ(x-a)%'],
  ['%START_TIME%', '%START_TIME%'],
  ['%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%!', '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%!'],
  ['%REQ(x-a?x-b):10%', '%REQ(x-a?x-b):10%'],
  ['a%%b', 'a%%b'],
  ['%20', '%%20'],
];

for (const [written, told] of values) {
  test(`the value ${written}`, () => {
    const none = { set: [], add: [], remove: [] };
    const { requestHeadersToAdd = [] } = headerChanges({ request: { ...none, set: [{ name: 'x', value: written }] }, response: none });
    assert.deepEqual(
      requestHeadersToAdd.map(({ header }) => header?.value),
      [told],
    );
  });
}
