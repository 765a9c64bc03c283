// Inside a network namespace: both proxies with the same listeners, rules that redirect, and a client that measures. Prints the figures as JSON.
import { execFileSync } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { percentile } from '#bench/bench.ts';
import { connectionManager, httpCluster, socketAddress } from '#bench/bootstrap.ts';
import { httpCall } from '#test/support/http-call.ts';
import { type RunningProcess, startHeddle, startProcess } from '#test/support/start-process.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

type Way = 'direct' | 'captured';
type Spread = { readonly p50: number; readonly p90: number };

/** In microseconds. */
export type CaptureFigures = {
  readonly name: string;
  readonly connection: Readonly<Record<Way, Spread>>;
  readonly request: Readonly<Record<Way, Spread>>;
};

type Subject = {
  readonly name: string;
  readonly directPort: number;
  readonly capturedPort: number;
  readonly times: Record<`${'connection' | 'request'} ${Way}`, number[]>;
};

const service = '198.18.200.1';
const get = 'GET / HTTP/1.1\r\nHost: service\r\n\r\n';

const [rounds = '0', envoy] = process.argv.slice(2);

sh('ip link set lo up');
// Packets to the service need a way out before they are redirected.
sh(
  'ip link add services type bridge && ip link set services up && ip route add 198.18.200.0/24 dev services && ip addr add 198.18.199.1/32 dev services',
);
// Not nginx: as the only user of its namespace it takes itself for root, and gives files to users that do not exist there.
await using backend = await startProcess({ command: process.execPath, args: [fileURLToPath(new URL('backend-server.ts', import.meta.url))] });
const [, backendPort] = await backend.waitForLine(/port (\d+)/);
await using folder = await temporaryFolder();
const subjects: Subject[] = [];
const processes: RunningProcess[] = [];
const start = async (name: string, base: number, run: (file: string) => Promise<RunningProcess>): Promise<void> => {
  const file = await folder.write(`${name}.json`, bootstrapOf(base, Number(backendPort)));
  sh(
    `nft 'add table ip bench; add chain ip bench output { type nat hook output priority -100; }; add rule ip bench output tcp dport ${base + 1} ip daddr ${service} redirect to :${base}'`,
  );
  processes.push(await run(file));
  const times = { 'connection direct': [], 'connection captured': [], 'request direct': [], 'request captured': [] };
  subjects.push({ name, directPort: base + 2, capturedPort: base + 1, times });
};
const answers = (base: number) => async (): Promise<boolean> => (await httpCall({ port: base + 2, timeoutMs: 1000 })).status === 200;
await start('heddle', 15_001, (file) => startHeddle(['proxy', '-c', file], { ready: answers(15_001) }));
if (envoy !== undefined) {
  const args = ['--concurrency', '1', '--log-level', 'warn', '--use-dynamic-base-id'];
  await start('envoy', 25_001, (file) => startProcess({ command: envoy, args: ['-c', file, ...args], ready: answers(25_001) }));
}

const roundsInBlock = 100;
/** Until the optimising compiler has what it wants. */
const warmUp = Math.min(4_000, Number(rounds));
for (let round = -warmUp; round < Number(rounds); round++) {
  for (const subject of subjects) {
    // The one that comes first is not always the same.
    for (const way of round % 2 === 0 ? (['direct', 'captured'] as const) : (['captured', 'direct'] as const)) {
      const [connectionUs, requestUs] = await measure(subject, way);
      if (round < 0) continue;
      subject.times[`connection ${way}`].push(connectionUs);
      subject.times[`request ${way}`].push(requestUs);
    }
  }
}
const figures = subjects.map(({ name, times }): CaptureFigures => {
  const quiet = quietBlocks(times['connection direct']);
  const spread = (all: readonly number[]): Spread => {
    const kept = all.filter((_, index) => quiet.has(Math.floor(index / roundsInBlock)));
    return { p50: percentile(kept, 0.5), p90: percentile(kept, 0.9) };
  };
  return {
    name,
    connection: { direct: spread(times['connection direct']), captured: spread(times['connection captured']) },
    request: { direct: spread(times['request direct']), captured: spread(times['request captured']) },
  };
});
process.stdout.write(JSON.stringify(figures));
for (const running of processes) await running.stop();

/** The third of all blocks of rounds in which the machine had least else to do, by how fast the way without capture was. */
function quietBlocks(times: readonly number[]): ReadonlySet<number> {
  const blocks = Array.from({ length: Math.ceil(times.length / roundsInBlock) }, (_, index) => ({
    index,
    p50: percentile(times.slice(index * roundsInBlock, (index + 1) * roundsInBlock), 0.5),
  }));
  return new Set(
    blocks
      .toSorted((one, other) => one.p50 - other.p50)
      .slice(0, Math.ceil(blocks.length / 3))
      .map(({ index }) => index),
  );
}

/** From connect to the first bytes of an answer, and of the next one on the same connection. */
function measure({ directPort, capturedPort }: Subject, way: Way): Promise<readonly [number, number]> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const socket: Socket =
      way === 'direct'
        ? connect({ host: '127.0.0.1', port: directPort, noDelay: true })
        : connect({ host: service, port: capturedPort, noDelay: true });
    let first: number | undefined;
    let again = 0;
    socket.once('connect', () => socket.write(get));
    socket.on('data', () => {
      const now = performance.now();
      if (first === undefined) {
        first = now - start;
        again = performance.now();
        socket.write(get);
        return;
      }
      socket.removeAllListeners('data');
      socket.destroy();
      resolve([first * 1_000, (now - again) * 1_000]);
    });
    socket.once('error', reject);
  });
}

/** 15001 takes what is redirected, 15002 is the port of the service that it hands over to, 15003 has the same chain on a port of its own. */
function bootstrapOf(base: number, backendPort: number): string {
  const manager = connectionManager({
    routes: [{ match: { prefix: '/' }, route: { cluster: 'backend', timeout: '0s' } }],
    filters: [],
    access_log: [],
  });
  const chains = [{ filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] }];
  const at = (address: string, port: number): object => ({ socket_address: { address, port_value: port } });
  const listeners = [
    { name: 'captured', address: at('0.0.0.0', base), use_original_dst: true, filter_chains: chains },
    { name: 'service', address: at(service, base + 1), bind_to_port: false, filter_chains: chains },
    { name: 'direct', address: socketAddress(base + 2), filter_chains: chains },
  ];
  return JSON.stringify({
    node: { id: 'bench', cluster: 'bench' },
    static_resources: { listeners, clusters: [httpCluster('backend', backendPort, {})] },
  });
}

function sh(script: string): void {
  execFileSync('sh', ['-e', '-c', script], { stdio: ['ignore', 'ignore', 'inherit'] });
}
