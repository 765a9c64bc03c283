// How many connections a proxy takes, as the ProxyConfig in its node's metadata says.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { runProxy } from '#app/proxy.ts';
import { systemClock } from '#base/clock.ts';
import { silentLogger } from '#base/logger.ts';
import { NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { freePort } from '#test/support/free-port.ts';
import { listener, MemoryNodeSource, routes } from '#test/support/memory-node-source.ts';
import { startXdsServer } from '#xds/server/server.ts';

test('connections beyond globalDownstreamConnectionLimit are closed', async () => {
  const source = new MemoryNodeSource();
  const port = await freePort();
  source.replace([listener('web', port, 'all'), routes('all', { nowhere: 1 })]);
  const xds = await startXdsServer({ source, address: '127.0.0.1', port: 0, logger: silentLogger, clock: systemClock });
  if (!xds.ok) throw new Error(xds.error.reason);
  const metadata = { PROXY_CONFIG: { connectionSettings: { globalDownstreamConnectionLimit: 1 } } };
  const node = create(NodeSchema, { id: 'n', metadata });
  const proxy = await runProxy({
    source: { kind: 'xds', target: `127.0.0.1:${xds.value.port}`, node },
    logger: silentLogger,
    clock: systemClock,
    drainMs: 100,
  });
  if (!proxy.ok) throw new Error(proxy.error.join('\n'));
  await proxy.value.ready;
  const first = connect(port, '127.0.0.1');
  const second = connect(port, '127.0.0.1').on('error', () => {});
  await Promise.race([once(second, 'close'), once(first, 'close')]);
  assert.deepEqual([first.destroyed, second.destroyed], [false, true]);
  first.destroy();
  await proxy.value.close();
  await xds.value.close();
});
