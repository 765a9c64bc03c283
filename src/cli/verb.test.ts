// How resources are named on a command line.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readNames } from '#cli/verb.ts';

test('kinds and names, with a slash or as words', () => {
  assert.deepEqual(readNames(['pods,svc']), { ok: true, value: [{ kind: 'pods' }, { kind: 'svc' }] });
  assert.deepEqual(readNames(['vs', 'a', 'b']), {
    ok: true,
    value: [
      { kind: 'vs', name: 'a' },
      { kind: 'vs', name: 'b' },
    ],
  });
  assert.deepEqual(readNames(['vs/a']), { ok: true, value: [{ kind: 'vs', name: 'a' }] });
});

test('no kind at all is told, not answered with nothing', () => {
  for (const words of [[''], [','], ['', 'a']]) assert.equal(readNames(words).ok, false);
});
