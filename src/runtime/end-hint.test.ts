// What the last lines of a program tell of its end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hintForEnd } from '#runtime/end-hint.ts';

test('a port that is taken: by another pod where all share an address, by the pod itself where it has its own', () => {
  const lines = ['Error: listen EADDRINUSE: address already in use 0.0.0.0:15001'];
  assert.match(hintForEnd(lines, 20_001) ?? '', /^Port 15001.*variable PORT \(20001\)/);
  assert.match(hintForEnd(lines, undefined, true) ?? '', /^Port 15001.*its own pod.*its proxy/);
});

test('a program that does not exist, as the programs say that start it in a pod', () => {
  assert.match(hintForEnd(['sh: 1: exec: pythn: not found'], undefined, true) ?? '', /no program pythn/);
  assert.match(hintForEnd(['unshare: failed to execute pythn: No such file or directory'], undefined, true) ?? '', /no program pythn/);
  assert.equal(hintForEnd(['Killed'], undefined), undefined);
});
