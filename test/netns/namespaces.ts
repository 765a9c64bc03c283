// Pods of a test, each in namespaces of its own, with rules that capture its connections: by shell, in a process that has an outer namespace to itself
// (`unshare -Urnm`). Everything ends with that process.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { captureRules } from '#runtime/netns/capture-rules.ts';
import { captureSettings } from '#runtime/netns/capture-settings.ts';
import { nftText } from '#runtime/netns/packet-rule.ts';
import type { Answer, Order } from '#test/netns/pod-app.ts';

export const nodeAddress = '198.18.0.1';
export const insideAddress = '198.18.0.2';

export type PodSpec = {
  readonly name: string;
  readonly address: string;
  /** Undefined: nothing is captured. */
  readonly proxyAddress?: string;
  readonly otherAddress?: string;
  /** Istio's annotations of capture. */
  readonly annotations?: Readonly<Record<string, string>>;
};

export type TestPod = Disposable & {
  readonly spec: PodSpec;
  /** What stands before a command so that it runs in the pod. */
  readonly enter: readonly [string, ...string[]];
  readonly ask: (order: Order) => Promise<Answer>;
};

/** The node: a bridge with its two addresses. */
export function openNode(): void {
  sh(`mount -t tmpfs tmpfs /run
ip link set lo up
ip link add heddle0 type bridge
ip addr add ${nodeAddress}/15 dev heddle0
ip addr add ${insideAddress}/32 dev heddle0
ip link set heddle0 up
sysctl -qw net.ipv4.ip_forward=1`);
}

export async function openPod(spec: PodSpec): Promise<TestPod> {
  const pause = spawn('unshare', ['-n', '-m', '-u', 'sh', '-c', `hostname ${spec.name}; echo ready; exec cat`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(pause.stdout, 'data');
  const { pid } = pause;
  if (pid === undefined) throw new Error('no pause process');
  const { name, address, proxyAddress } = spec;
  sh(`ip link add v${name} type veth peer name eth0 netns ${pid}
ip link set v${name} master heddle0 up`);
  inPod(
    pid,
    `ip addr add ${address}/15 dev eth0
${proxyAddress === undefined ? '' : `ip addr add ${proxyAddress}/32 dev eth0`}
${spec.otherAddress === undefined ? '' : `ip addr add ${spec.otherAddress}/32 dev eth0`}
ip link set eth0 up
ip link set lo up
ip route add default via ${nodeAddress}
sysctl -qw net.ipv4.ip_unprivileged_port_start=0 net.ipv4.conf.eth0.route_localnet=1
${proxyAddress === undefined ? '' : `nft -f - <<'N'\n${rules(spec, proxyAddress)}\nN`}`,
  );
  const enter = ['nsenter', '-t', String(pid), '-n', '-m', '-u', '--'] as const;
  const app = spawn(enter[0], [...enter.slice(1), process.execPath, fileURLToPath(new URL('./pod-app.ts', import.meta.url))], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  return { spec, enter: [...enter], ask: asker(app), [Symbol.dispose]: () => [app, pause].forEach((child) => child.kill('SIGKILL')) };
}

/** Those of the runtime. */
function rules({ address, annotations = {} }: PodSpec, proxyAddress: string): string {
  const nowhere = { file: '', line: 0, col: 0 };
  const settings = captureSettings(annotations, { start: nowhere, at: () => nowhere });
  if (!settings.ok) throw new Error(settings.error.message);
  const places = { podAddress: address, proxyAddress, nodeAddress, insideAddress, knowsProxyUser: false };
  return nftText(captureRules(places, settings.value));
}

function asker(app: ChildProcess): TestPod['ask'] {
  const waiting = new Map<number, (answer: Answer) => void>();
  let last = 0;
  app.on('message', (message) => {
    // What our own program sends.
    const { id, answer } = message as { readonly id: number; readonly answer: Answer };
    waiting.get(id)?.(answer);
    waiting.delete(id);
  });
  return (order) =>
    new Promise((resolve) => {
      const id = ++last;
      waiting.set(id, resolve);
      app.send({ id, order });
    });
}

function inPod(pid: number, script: string): void {
  execFileSync('nsenter', ['-t', String(pid), '-n', '-m', '-u', '--', 'sh', '-e', '-c', script], { stdio: ['ignore', 'inherit', 'inherit'] });
}

function sh(script: string): void {
  execFileSync('sh', ['-e', '-c', script], { stdio: ['ignore', 'inherit', 'inherit'] });
}
