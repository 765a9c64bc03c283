// What mutual TLS costs: two sidecars in a row, TLS 1.3 between them, an authorisation rule and both access logs, beside the same pair of Envoys with
// the very same files, in alternating rounds. CPU of both proxies together per request; latency at one connection, beside that of the backend alone.
import { join } from 'node:path';
import { type Bench, judge, median, round, type Settings, type Table } from '#bench/bench.ts';
import { applyLoad } from '#bench/load.ts';
import { clientBootstrap, clientId, type Identity, serverBootstrap, serverId } from '#bench/mtls-bootstrap.ts';
import { cpuMicroseconds, residentMegabytes } from '#bench/process-usage.ts';
import { answers, startBackend } from '#bench/subjects.ts';
import { findEnvoy } from '#test/support/envoy.ts';
import { freePort } from '#test/support/free-port.ts';
import { startTestAuthority } from '#test/support/identity.ts';
import { isOpen } from '#test/support/port-open.ts';
import { startHeddle, startProcess } from '#test/support/start-process.ts';
import { type TemporaryFolder, temporaryFolder } from '#test/support/temporary-folder.ts';

type Pair = { readonly name: string; readonly port: number; readonly pids: readonly number[] };
type Round = { readonly cpuPerRequest: number; readonly requestsPerSecond: number; readonly p50Ms: number };
type StartProxy = (file: string, port: number, resources: AsyncDisposableStack) => Promise<number>;

export const mtlsPair: Bench = {
  name: 'mtls-pair',
  about: 'keep-alive GET, 1 KB answer, through two sidecars with mutual TLS 1.3, an authorisation rule and access logs; CPU of both together',
  run: measure,
};

async function measure({ quick, say }: Settings): Promise<Table> {
  const seconds = quick ? 1 : 5;
  await using resources = new AsyncDisposableStack();
  const backend = resources.use(await startBackend());
  const folder = resources.use(await temporaryFolder());
  const identities = await writeIdentities(folder);
  const envoy = findEnvoy();
  const pairs = [
    await startPair('heddle', startEmbedded, backend.port, identities, folder, resources),
    ...(envoy === undefined ? [] : [await startPair('envoy', envoyStarter(envoy, folder), backend.port, identities, folder, resources)]),
  ];
  const rounds = new Map<Pair, Round[]>(pairs.map((pair) => [pair, []]));
  const direct: number[] = [];
  for (const { port } of pairs) await applyLoad(port, quick ? 1 : 4);
  for (let number = 1; number <= (quick ? 1 : 5); number++) {
    direct.push((await applyLoad(backend.port, Math.min(seconds, 2), 1)).p50Ms);
    for (const pair of pairs) {
      const result = await measureRound(pair, seconds);
      rounds.get(pair)?.push(result);
      say(`round ${number} ${pair.name}: ${round(result.cpuPerRequest)} us CPU a request, p50 ${result.p50Ms} ms at one connection`);
    }
  }
  return toTable(rounds, median(direct));
}

async function measureRound({ name, port, pids }: Pair, seconds: number): Promise<Round> {
  const spent = (): number => pids.reduce((sum, pid) => sum + cpuMicroseconds(pid), 0);
  const before = spent();
  const { requests, requestsPerSecond, failed } = await applyLoad(port, seconds);
  const cpuPerRequest = (spent() - before) / requests;
  const alone = await applyLoad(port, Math.min(seconds, 2), 1);
  if (failed + alone.failed > 0) throw new Error(`${failed + alone.failed} requests through ${name} failed: no measurement`);
  return { cpuPerRequest, requestsPerSecond, p50Ms: alone.p50Ms };
}

async function startPair(
  name: string,
  start: StartProxy,
  backendPort: number,
  { client, server }: { readonly client: Identity; readonly server: Identity },
  folder: TemporaryFolder,
  resources: AsyncDisposableStack,
): Promise<Pair> {
  const [outbound, inbound] = [await freePort(), await freePort()];
  const log = (side: string): string => join(folder.path, `${name}-${side}.log`);
  const serverTask = { listenPort: inbound, upstreamPort: backendPort, accessLog: log('server'), identity: server };
  const clientTask = { listenPort: outbound, upstreamPort: inbound, accessLog: log('client'), identity: client };
  const serverPid = await start(await folder.write(`${name}-server.json`, serverBootstrap(serverTask)), inbound, resources);
  const clientPid = await start(await folder.write(`${name}-client.json`, clientBootstrap(clientTask)), outbound, resources);
  if (!(await answers(outbound))) throw new Error(`the pair of ${name} does not answer as the backend does`);
  return { name, port: outbound, pids: [serverPid, clientPid] };
}

async function startEmbedded(file: string, port: number, resources: AsyncDisposableStack): Promise<number> {
  const { pid } = resources.use(await startHeddle(['proxy', '-c', file], { ready: () => isOpen(port) }));
  return pid;
}

function envoyStarter(command: string, folder: TemporaryFolder): StartProxy {
  return async (file, port, resources) => {
    const args = ['-c', file, '--concurrency', '1', '--log-level', 'warn', '--use-dynamic-base-id'];
    const { pid } = resources.use(await startProcess({ command, args, ready: () => isOpen(port), cwd: folder.path }));
    return pid;
  };
}

async function writeIdentities(folder: TemporaryFolder): Promise<{ readonly client: Identity; readonly server: Identity }> {
  const authority = await startTestAuthority();
  const roots = await folder.write('roots.pem', authority.roots());
  const write = async (name: string, id: string): Promise<Identity> => {
    const { chain, key } = await authority.issue([{ type: 'url', value: id }]);
    return { certificate: await folder.write(`${name}.pem`, chain), key: await folder.write(`${name}.key`, key.reveal()), roots };
  };
  return { client: await write('client', clientId), server: await write('server', serverId) };
}

function toTable(rounds: ReadonlyMap<Pair, readonly Round[]>, directMs: number): Table {
  const figures = [...rounds].map(([{ name, pids }, results]) => ({
    name,
    cpu: median(results.map((result) => result.cpuPerRequest)),
    rate: median(results.map((result) => result.requestsPerSecond)),
    p50: median(results.map((result) => result.p50Ms)),
    added: median(results.map((result) => result.p50Ms)) - directMs,
    rss: pids.reduce((sum, pid) => sum + residentMegabytes(pid).current, 0),
  }));
  const [heddle, envoy] = figures;
  const judged =
    heddle === undefined || envoy === undefined
      ? ['no Envoy to compare with: set ENVOY_BIN']
      : [
          judge('CPU per request of the pair against Envoy', heddle.cpu / envoy.cpu, 0.75, ' x'),
          judge('added latency p50 at one connection against Envoy', heddle.added / envoy.added, 0.7, ' x'),
        ];
  return {
    columns: ['pair', 'CPU us/request', 'requests/s', 'p50 ms at 1', 'added ms', 'RSS MB'],
    rows: figures.map(({ name, cpu, rate, p50, added, rss }) => [
      name,
      cpu.toFixed(1),
      rate.toFixed(0),
      p50.toFixed(3),
      added.toFixed(3),
      rss.toFixed(0),
    ]),
    notes: [...judged, `the backend alone: p50 ${directMs.toFixed(3)} ms at one connection`],
  };
}
