// A real Envoy on our xDS for one test: started by our agent, asked over its admin port, ended with the scope.

import { join } from 'node:path';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { type EnvoyOptions, type RunningEnvoy, startEnvoy } from '#agent/envoy-process.ts';
import { systemClock } from '#base/clock.ts';
import { silentLogger } from '#base/logger.ts';
import { NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { freePort } from '#test/support/free-port.ts';
import { httpCall } from '#test/support/http-call.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

export type LocalEnvoy = AsyncDisposable & {
  readonly envoy: RunningEnvoy;
  readonly logFile: string;
  /** Counters and gauges whose name matches, by name. */
  readonly stats: (filter: string) => Promise<ReadonlyMap<string, number>>;
  readonly configDump: () => Promise<string>;
};

export type LocalEnvoyOptions = Pick<EnvoyOptions, 'binary' | 'xdsTarget'> &
  Partial<Pick<EnvoyOptions, 'xdsMode' | 'onCrash' | 'clock' | 'adminPort'>> & { readonly nodeId: string; readonly metadata?: JsonObject };

export async function localEnvoy({ nodeId, metadata = {}, ...options }: LocalEnvoyOptions): Promise<LocalEnvoy> {
  const folder = await temporaryFolder();
  const logFile = join(folder.path, 'envoy.log');
  const node = fromJson(NodeSchema, { id: nodeId, cluster: 'test', metadata });
  const adminPort = options.adminPort ?? (await freePort());
  const envoy = await startEnvoy({ clock: systemClock, logger: silentLogger, ...options, node, adminPort, workFolder: folder.path, logFile });
  const ask = async (path: string) => (await httpCall({ port: adminPort, path })).body;
  return {
    envoy,
    logFile,
    stats: async (filter) => {
      const lines = (await ask(`/stats?filter=${encodeURIComponent(filter)}`)).split('\n');
      return new Map(
        lines
          .filter((line) => line.includes(': '))
          .map((line) => [line.slice(0, line.lastIndexOf(': ')), Number(line.slice(line.lastIndexOf(': ') + 2))]),
      );
    },
    configDump: () => ask('/config_dump'),
    [Symbol.asyncDispose]: async () => {
      await envoy.kill();
      await folder[Symbol.asyncDispose]();
    },
  };
}
