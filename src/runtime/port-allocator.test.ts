import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { isPortFree, PortAllocator } from '#runtime/port-allocator.ts';

test('hands out each port once, skips those in use, wraps around, and takes ports back', async () => {
  const used = new Set([31_999]);
  const ports = new PortAllocator({ random: () => 0.99995, isFree: async (port) => !used.has(port) });
  assert.equal(await ports.take(), 20_000);
  assert.deepEqual(await Promise.all([ports.take(), ports.take()]), [20_001, 20_002]);
  ports.giveBack([20_001]);
  const again = new PortAllocator({ random: () => 0, isFree: async () => true });
  assert.equal(await again.take(), 20_000);
});

test('a port that is wanted by its number is given once, and only where it is free', async () => {
  const ports = new PortAllocator({ random: () => 0, isFree: async (port) => port !== 9001 });
  assert.deepEqual([await ports.claim(9000), await ports.claim(9000), await ports.claim(9001)], [true, false, false]);
  ports.giveBack([9000]);
  assert.equal(await ports.claim(9000), true);
});

test('a port that somebody listens on is not free', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  assert.equal(await isPortFree(address.port), false);
  await new Promise((resolve) => server.close(resolve));
  assert.equal(await isPortFree(address.port), true);
});
