import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { isPortFree, PortAllocator, type PortHold } from '#runtime/port-allocator.ts';

const hold: PortHold = async () => () => {};

test('hands out each port once, skips those in use, wraps around, and takes ports back', async () => {
  const used = new Set([31_999]);
  const ports = new PortAllocator({ random: () => 0.99995, isFree: async (port) => !used.has(port), hold });
  assert.equal(await ports.take(), 20_001);
  assert.deepEqual(await Promise.all([ports.take(), ports.take()]), [20_002, 20_003]);
  ports.giveBack([20_002]);
  const again = new PortAllocator({ random: () => 0, isFree: async () => true, hold });
  assert.equal(await again.take(), 20_001);
});

test('two meshes that begin at one place in the same moment share no port, and what one leaves the other may have', async () => {
  const one = new PortAllocator({ random: () => 0.5 });
  const other = new PortAllocator({ random: () => 0.5 });
  const [ofOne, ofOther] = await Promise.all([one, other].map((ports) => Promise.all(Array.from({ length: 5 }, () => ports.take()))));
  assert.deepEqual(
    ofOne?.filter((port) => ofOther?.includes(port)),
    [],
  );
  one[Symbol.dispose]();
  other[Symbol.dispose]();
});

test('a port that is wanted by its number is given once, and only where it is free', async () => {
  const ports = new PortAllocator({ random: () => 0, isFree: async (port) => port !== 9001, hold });
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
