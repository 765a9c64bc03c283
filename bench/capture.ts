// What capture adds: connections that are redirected to the proxy and handed over by where they wanted to go, beside connections that are made to the
// listener itself. One client, one thing at a time, the ways in turn, so that whatever else the machine does falls on all of them.
import { fileURLToPath } from 'node:url';
import { type Bench, judge, round, type Settings, type Table } from '#bench/bench.ts';
import type { CaptureFigures } from '#bench/capture-stage.ts';
import { findProgram } from '#bench/programs.ts';
import { findEnvoy } from '#test/support/envoy.ts';
import { startProcess } from '#test/support/start-process.ts';

export const capture: Bench = {
  name: 'capture',
  about: 'a new connection with one request, and one more request on it, redirected by nftables or straight to the listener, in quiet moments',
  run: measure,
};

async function measure({ quick, say }: Settings): Promise<Table> {
  const unshare = findProgram('unshare');
  if (unshare === undefined || findProgram('nft') === undefined) throw new Error('needs Linux with unshare and nft');
  const envoy = findEnvoy();
  const stage = fileURLToPath(new URL('capture-stage.ts', import.meta.url));
  const args = ['--user', '--map-root-user', '--net', '--mount', '--kill-child', '--', process.execPath, stage, quick ? '200' : '8000'];
  say('both proxies in a network namespace of their own');
  await using running = await startProcess({ command: unshare, args: envoy === undefined ? args : [...args, envoy] });
  const { code } = await running.exited;
  if (code !== 0) throw new Error(running.output());
  // What the stage prints.
  const figures = JSON.parse(running.stdout()) as readonly CaptureFigures[];
  const heddle = figures.find(({ name }) => name === 'heddle');
  return {
    columns: ['proxy', 'direct us', 'captured us', 'added us', 'p90 added us', 'request direct us', 'request captured us'],
    rows: figures.map(({ name, connection, request }) => [
      name,
      round(connection.direct.p50),
      round(connection.captured.p50),
      round(connection.captured.p50 - connection.direct.p50),
      round(connection.captured.p90 - connection.direct.p90),
      round(request.direct.p50),
      round(request.captured.p50),
    ]),
    notes: [
      ...(heddle === undefined ? [] : [judge('added to a new connection', heddle.connection.captured.p50 - heddle.connection.direct.p50, 30, ' us')]),
      ...(envoy === undefined ? ['no Envoy: set ENVOY_BIN'] : []),
    ],
  };
}
