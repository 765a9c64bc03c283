import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { onLines, readCallerMessage, readMeshMessage, readRunRequest } from '#admin/client/run-messages.ts';

void test('lines are whole however their bytes come, and what is no JSON is passed over', () => {
  const stream = new PassThrough();
  const taken: unknown[] = [];
  onLines(stream, (value) => taken.push(value));
  const bytes = Buffer.from('{"a":"ü"}\nnot json\n{"b":2}\n{"c"');
  for (const byte of bytes) stream.emit('data', Buffer.of(byte));
  assert.deepEqual(taken, [{ a: 'ü' }, { b: 2 }]);
});

void test('a peer that never ends its line is cut off', () => {
  const stream = new PassThrough();
  onLines(stream, () => assert.fail('no line came'));
  stream.emit('data', Buffer.alloc(5 * 1024 * 1024, 'x'));
  assert.equal(stream.destroyed, true);
});

void test('messages that say too little, or what nobody means, are none', () => {
  assert.deepEqual(readCallerMessage({ kind: 'started', pid: 7, more: true }), { kind: 'started', pid: 7 });
  // Signals to these would reach more than one process.
  for (const pid of [1, 0, -7, 1.5, '7', undefined]) assert.equal(readCallerMessage({ kind: 'started', pid }), undefined);
  assert.deepEqual(readCallerMessage({ kind: 'ended', signal: 'SIGKILL' }), { kind: 'ended', signal: 'SIGKILL' });
  assert.equal(readMeshMessage({ kind: 'signal', signal: 'SIGNONE' }), undefined);
  assert.equal(readMeshMessage({ kind: 'start', command: 'true', args: ['a', 1], cwd: '/', variables: {}, mesh: 2 }), undefined);
  assert.equal(readRunRequest({ workload: 'a', command: [], cwd: '/' }), undefined);
  assert.equal(readRunRequest({ workload: 'a', command: ['true'], cwd: '/', port: 70_000 }), undefined);
  assert.deepEqual(readRunRequest({ workload: 'a', command: ['true'], cwd: '/', labels: { version: 'v1', n: 1 } }), {
    workload: 'a',
    namespace: 'default',
    command: ['true'],
    cwd: '/',
    labels: { version: 'v1' },
  });
});
