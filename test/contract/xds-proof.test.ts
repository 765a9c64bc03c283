// A stream lasts no longer than what its caller proved itself by, and a while for the next certificate to come.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServerCredentials } from '@grpc/grpc-js';
import { silentLogger } from '#base/logger.ts';
import { ok } from '#base/result.ts';
import { typeUrls } from '#envoy/type-url.ts';
import { HandClock } from '#test/support/hand-clock.ts';
import { MemoryNodeSource } from '#test/support/memory-node-source.ts';
import { DeltaWire } from '#test/support/xds-wire.ts';
import { startXdsServer } from '#xds/server/server.ts';

const minuteMs = 60_000;

test('a stream goes on while its caller is known, outlives a certificate for ten minutes, and is ended then', { timeout: 5000 }, async () => {
  const clock = new HandClock();
  let isStillGood = true;
  const admit = () => Promise.resolve(ok({ node: ok, isStillGood: () => isStillGood }));
  const secure = { address: '127.0.0.1', port: 0, credentials: ServerCredentials.createInsecure(), admit, services: [] };
  const started = await startXdsServer({ source: new MemoryNodeSource(), address: '127.0.0.1', port: 0, logger: silentLogger, clock, secure });
  assert.ok(started.ok);
  await using server = { [Symbol.asyncDispose]: started.value.close };
  assert.ok(server);
  using wire = new DeltaWire(started.value.securePort ?? 0);
  wire.send({ typeUrl: typeUrls.cluster, resourceNamesSubscribe: ['*'] });
  await wire.next();
  const isOpen = () => started.value.ledger.nodes().some(({ connected }) => connected);
  clock.advance(60 * minuteMs);
  isStillGood = false;
  clock.advance(5 * minuteMs);
  // A clock that was wrong for a while ends nothing.
  isStillGood = true;
  clock.advance(minuteMs);
  isStillGood = false;
  clock.advance(10 * minuteMs);
  assert.ok(isOpen());
  const next = wire.next();
  clock.advance(minuteMs);
  await assert.rejects(next, /UNAVAILABLE: what the caller proved itself by has ended/);
  assert.equal(isOpen(), false);
  assert.equal(clock.pending, 0);
});
