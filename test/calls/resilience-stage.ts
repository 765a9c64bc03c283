// Runs scenarios of faulty backends on one data plane: each has a cluster, replicas, a listener and an access log of its own.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bootstrap, fileLog, httpChain, listener, type Part } from '#test/support/bootstrap-parts.ts';
import { KeptCalls, type RunningPlane, startPlane } from '#test/support/both-planes.ts';
import { listenPorts } from '#test/support/listen-ports.ts';
import { type Replica, startReplicas } from '#test/support/replicas.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';

/** What a scenario works with. `calls` keeps connections, as many as are needed at once. */
export type Stage = {
  readonly replicas: readonly Replica[];
  readonly calls: KeptCalls;
  /** Status and flags of each logged request, in order. */
  readonly logged: (count: number) => Promise<readonly string[]>;
  /** Health flags by replica, of /clusters. */
  readonly health: () => Promise<readonly string[]>;
  readonly stat: (name: string) => Promise<number>;
};

export type Scenario = {
  readonly name: string;
  readonly replicas: number;
  /** An endpoint where nobody listens, behind the replicas. */
  readonly hasDead?: boolean;
  /** By endpoint; 0 where not given. */
  readonly priorities?: readonly number[];
  readonly cluster?: Part;
  readonly route?: Part;
  readonly run: (stage: Stage) => Promise<void>;
};

/** tcpmux, which nobody serves; a free port could be somebody's by the time it is asked. */
export const deadPort = 1;

async function runScenario(
  scenario: Scenario,
  plane: RunningPlane,
  index: number,
  port: number,
  replicas: readonly Replica[],
  logFile: string,
  hosts: readonly string[],
): Promise<void> {
  using calls = new KeptCalls(port, 8);
  const page = async (path: string): Promise<readonly string[]> => (await plane.admin(path)).split('\n');
  await scenario.run({
    replicas,
    calls,
    logged: (count) =>
      waitUntil(`${count} lines in the access log`, async () => {
        const lines = (await readFile(logFile, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
        return lines.length >= count && lines;
      }),
    health: async () => {
      const lines = await page('/clusters');
      return hosts.map(
        (host) =>
          lines
            .find((line) => line.startsWith(`c${index}::${host}::health_flags::`))
            ?.split('::')
            .at(-1) ?? 'unknown',
      );
    },
    stat: async (name) => {
      const line = (await page(`/stats?filter=cluster.c${index}.${name}`)).find((text) => text.startsWith(`cluster.c${index}.${name}: `));
      return Number(line?.split(': ')[1] ?? 0);
    },
  });
}

/** `binary`: Envoy's; undefined: the embedded proxy. Fails with all that is not as it should be. */
export async function runAll(binary: string | undefined, chosen: readonly Scenario[]): Promise<void> {
  await using folder = await temporaryFolder();
  const ports = await listenPorts(chosen.length);
  const groups = await Promise.all(chosen.map(({ replicas }) => startReplicas(replicas)));
  const endpoints = groups.map((group, index) => [...group.ports, ...(chosen[index]?.hasDead === true ? [deadPort] : [])]);
  const logOf = (index: number): string => join(folder.path, `log-${index}`);
  const listeners = chosen.map(({ route = {} }, index) => {
    const routes = [{ match: { prefix: '/' }, route: { cluster: `c${index}`, timeout: '0s', ...route } }];
    const access_log = [fileLog(logOf(index), '%RESPONSE_CODE% %RESPONSE_FLAGS%\n')];
    return listener(`l${index}`, ports[index] ?? 0, [httpChain(routes, { access_log })]);
  });
  const clusters = chosen.map(({ cluster = {}, priorities = [] }, index) => {
    const groups = (endpoints[index] ?? []).map((port, position) => ({
      priority: priorities[position] ?? 0,
      lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } } }],
    }));
    return { name: `c${index}`, connect_timeout: '1s', load_assignment: { cluster_name: `c${index}`, endpoints: groups }, ...cluster };
  });
  try {
    await using plane = await startPlane(binary, bootstrap(listeners, clusters));
    const failures: string[] = [];
    for (const [index, scenario] of chosen.entries()) {
      const hosts = (endpoints[index] ?? []).map((port) => `127.0.0.1:${port}`);
      try {
        await runScenario(scenario, plane, index, ports[index] ?? 0, groups[index]?.all ?? [], logOf(index), hosts);
      } catch (error) {
        failures.push(`${scenario.name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    assert.deepEqual(failures, []);
  } finally {
    for (const group of groups) await group[Symbol.asyncDispose]();
  }
}
