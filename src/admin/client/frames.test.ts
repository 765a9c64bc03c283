import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeFrame, FrameReader, readControl } from '#admin/client/frames.ts';

test('frames come out as they went in, however the bytes are cut', () => {
  const all = Buffer.concat([
    encodeFrame('input', Buffer.from('hello')),
    encodeFrame('input', Buffer.alloc(0)),
    encodeFrame('errors', Buffer.from([0, 255, 1])),
    encodeFrame('control', Buffer.from('{"kind":"ended","code":3}')),
  ]);
  for (let size = 1; size <= all.length; size++) {
    const reader = new FrameReader();
    const seen: string[] = [];
    for (let at = 0; at < all.length; at += size) {
      for (const { kind, bytes } of reader.take(all.subarray(at, at + size))) seen.push(`${kind} ${bytes.toString('hex')}`);
    }
    assert.deepEqual(seen, ['input 68656c6c6f', 'input ', 'errors 00ff01', `control ${Buffer.from('{"kind":"ended","code":3}').toString('hex')}`]);
  }
});

test('what cannot be a frame is refused before it is waited for', () => {
  assert.throws(() => new FrameReader().take(Buffer.from([9, 0, 0, 0, 0])), /not a frame/);
  assert.throws(() => new FrameReader().take(Buffer.from([0, 255, 0, 0, 0])), /not a frame/);
});

test('a control message that is none of ours is nothing', () => {
  assert.deepEqual(readControl(Buffer.from('{"kind":"ended","code":3}')), { kind: 'ended', code: 3 });
  assert.deepEqual(readControl(Buffer.from('{"kind":"size","rows":5,"columns":7}')), { kind: 'size', rows: 5, columns: 7 });
  assert.equal(readControl(Buffer.from('{"kind":"signal","signal":"SIGKILL"}')), undefined);
  assert.equal(readControl(Buffer.from('nothing')), undefined);
});
