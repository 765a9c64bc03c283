// Pods in namespaces as the runtime makes them, seen from inside: a supervisor on a network of its own, programs that know nothing of it, and stand-ins
// for proxies. Arguments: what `canNetns` found, the user, a folder. Prints one fact a line as JSON; with `wait` as last argument it then stays.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AnyResource } from '#api/kinds.ts';
import { systemClock } from '#base/clock.ts';
import { startLocalProcess } from '#runtime/child-process.ts';
import { readImageMap } from '#runtime/image-map.ts';
import { type OuterNetworkOptions, openOuterNetwork } from '#runtime/netns/netns-network.ts';
import { planPods } from '#runtime/pod-plan.ts';
import type { PodRun } from '#runtime/pod-run.ts';
import type { StartProxy } from '#runtime/proxy-process.ts';
import { Supervisor } from '#runtime/supervisor.ts';
import { Watchdog } from '#runtime/watchdog.ts';
import { podsMesh } from '#test/netns/pods-mesh.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const [means = '', user = '', parent = '', stays] = process.argv.slice(2);
const folder = mkdtempSync(join(parent, 'stage-'));
chmodSync(folder, 0o755);
// Made by the test that started us.
const settings = { means: JSON.parse(means) as OuterNetworkOptions['means'], user: JSON.parse(user) as OuterNetworkOptions['user'] };
const tell = (name: string, fact: unknown): void => void process.stdout.write(`${JSON.stringify({ name, fact })}\n`);
const patiently = { timeoutMs: 30_000 };
const standIn = fileURLToPath(new URL('./stand-in-proxy.ts', import.meta.url));
const environment = { PATH: process.env['PATH'] ?? '', PORT: '1', HTTP_PROXY: 'http://corporate' };

const watchdog = new Watchdog();
const startProxy: StartProxy = async ({ network, logFile }) => {
  const spec = { command: process.execPath, args: [standIn], cwd: process.cwd(), env: environment, logFile };
  const running = startLocalProcess(network.enter(spec, 'proxy'), watchdog);
  const ready = waitUntil('the stand-in', () => running.lastLines(1).includes('ready'), patiently).then(() => {});
  return { ...running, ready, drain: async () => {} };
};

const startedMs = performance.now();
const opened = await openOuterNetwork({
  ...settings,
  domain: 'cluster.local',
  hidden: [],
  hostSockets: { listen: () => Promise.reject(new Error('there is no gateway')) },
  onProblem: (problem) => tell('problem', problem),
});
if (!opened.ok) throw new Error(JSON.stringify(opened.error));
const network = opened.value;
let published: readonly AnyResource[] = [];
const supervisor = new Supervisor({
  domain: 'cluster.local',
  inherited: environment,
  nodeProgram: process.execPath,
  startProxy,
  watchdog,
  clock: systemClock,
  emit: (event) => {
    if (event.kind === 'diagnostics' || event.kind === 'exited') tell('event', event);
  },
  network,
  fixedPorts: () => ({}),
  logFile: (plan, container) => join(folder, `${plan.pod.metadata.name}.${container ?? 'proxy'}.log`),
  publish: (resources) => (published = resources),
  settled: async () => {},
  onChange: () => {},
});
const mesh = podsMesh();
await supervisor.apply(planPods(mesh, [readImageMap(join(folder, 'heddle.yaml'), 'images: {}')], 'netns'), mesh);
tell('attached in ms', Math.round(performance.now() - startedMs));
await waitUntil('every pod is ready', () => supervisor.current().length === 3 && supervisor.current().every(({ ready }) => ready), patiently).catch(
  () => {
    tell(
      'not ready',
      supervisor.current().map(({ plan, reason }) => `${plan.key}: ${reason}`),
    );
    tell(
      'logs',
      readdirSync(folder).map((name) => `${name}: ${readFileSync(join(folder, name), 'utf8')}`),
    );
  },
);
tell('ready in ms', Math.round(performance.now() - startedMs));

const run = (name: string): PodRun => {
  const found = supervisor.current().find(({ plan }) => plan.pod.metadata.name === name);
  if (found === undefined) throw new Error(`no pod ${name}`);
  return found;
};
const [one, two, plain] = [run('web-one'), run('web-two'), run('plain')];
tell(
  'processes',
  supervisor
    .runs()
    .flatMap((pod) => [pod.proxy.pid, ...pod.containers.map(({ pid }) => pid)])
    .filter((pid) => pid !== undefined),
);
if (stays === 'wait') await new Promise(() => setInterval(() => {}, 1_000));
const inPod = (pod: PodRun, command: string, args: readonly string[], who: 'application' | 'proxy' = 'application'): string => {
  const spec = pod.network.enter({ command, args, cwd: folder, env: environment, logFile: '' }, who, pod.plan.containers[0]?.container);
  const { stdout, stderr } = spawnSync(spec.command, spec.args, { env: spec.env, encoding: 'utf8' });
  return `${stdout}${stderr}`.trim();
};
const ask = (pod: PodRun, address: string, port: number, source = '', times = 1): string =>
  inPod(pod, process.execPath, [standIn, 'ask', address, String(port), source, String(times)]);
// Nobody waits for these rules but this test.
const isServed = ({ ports }: PodRun): boolean => inOwnNetwork('nft', ['list', 'ruleset']).some((line) => line.includes(`dnat to ${ports.address}:`));
await waitUntil('the addresses of Services lead somewhere', () => [one, two, plain].every(isServed), patiently);
const addresses = { one: one.ports.address, two: two.ports.address, plain: plain.ports.address, proxyOfOne: one.network.proxyAddresses?.[0] };
tell('addresses', addresses);
tell('who', inPod(one, 'sh', ['-c', 'id -u; hostname; pwd; cat /etc/resolv.conf /etc/hosts']).split('\n'));
tell('asked user', inPod(two, 'id', ['-u']));
tell(
  'variables',
  readFileSync(join(folder, 'web-one.main.log'), 'utf8')
    .split('\n')
    .find((line) => line.startsWith('{')),
);
tell('to a service', ask(one, '198.19.0.5', 80));
tell('to a pod', ask(one, addresses.two, 8080));
tell('to an excluded port', ask(two, addresses.plain, 9000));
tell('to an excluded range', ask(two, '198.19.0.5', 80));
tell('to itself', [ask(one, addresses.one, 8080), ask(one, '127.0.0.1', 8080)]);
tell('from the proxy to a pod', ask(one, addresses.two, 8080, addresses.proxyOfOne));
tell('from the proxy to its own pod', ask(one, addresses.one, 8080, addresses.proxyOfOne));
tell('to an excluded port of a pod', ask(plain, addresses.one, 7000));
tell('names', inPod(one, process.execPath, [standIn, 'resolve', network.nodeAddress]));
tell('UDP to a service', inPod(one, process.execPath, [standIn, 'resolve', '198.19.0.6', '8125']));
tell('inside', await heard(addresses.one, 7001, one.network.insideAddress));
tell('probe', await heard(addresses.one, 8080, network.nodeAddress));
tell('plain to a service', [...new Set(ask(plain, '198.19.0.5', 80, undefined, 24).split('\n'))].sort());
tell('plain to itself by a service', ask(plain, '198.19.0.6', 90));
const beforeMs = performance.now();
tell('to the world', ask(plain, '8.8.8.8', 443));
tell('to the world in ms', Math.round(performance.now() - beforeMs));
tell(
  'slices',
  published.flatMap((resource) =>
    resource.kind === 'EndpointSlice'
      ? (resource.endpoints ?? []).map(({ addresses: list, conditions, hostname }) => ({
          list,
          port: resource.ports?.[0]?.port,
          ready: conditions?.ready,
          hostname,
        }))
      : [],
  ),
);
// The process that holds the namespaces of a pod is one of the machine's processes like any other.
const holders = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && holdsNamespaces(pid));
tell('holders', holders.length);
for (const holder of holders) process.kill(Number(holder), 'SIGKILL');
tell('without its holder', ask(one, addresses.two, 8080));

await supervisor.stop(2_000);
await network[Symbol.asyncDispose]();
await watchdog[Symbol.asyncDispose]();
tell(
  'left behind',
  inOwnNetwork('ip', ['-o', 'link']).filter((line) => line.includes('pod')),
);

function inOwnNetwork(command: string, args: readonly string[]): readonly string[] {
  return spawnSync(command, args, { encoding: 'utf8' }).stdout.split('\n');
}

async function heard(host: string, port: number, localAddress: string | undefined): Promise<string> {
  const socket = connect({ host, port, ...(localAddress !== undefined && { localAddress }) });
  let text = '';
  socket.setEncoding('utf8').on('data', (part: string) => (text += part));
  const outcome = await Promise.race([once(socket, 'end').then(() => text.trim()), once(socket, 'error').then(([error]) => String(error))]);
  socket.destroy();
  return outcome;
}

/** A shell that we started, in a network that is not ours. */
function holdsNamespaces(pid: string): boolean {
  try {
    const [, comm = '', parent = ''] = /\((.*)\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return comm === 'sh' && parent === String(process.pid) && readlinkSync(`/proc/${pid}/ns/net`) !== readlinkSync('/proc/self/ns/net');
  } catch {
    return false;
  }
}
