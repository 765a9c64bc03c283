// The embedded proxy beside each local pod: one lean child of our own program per pod (app/proxy-main.ts), ready when its admin server
// says so.
import type { AdminPlace } from '#agent/admin-place.ts';
import { nodeId, nodeMetadata } from '#app/proxy-node.ts';
import { proxyPlace } from '#app/proxy-place.ts';
import { proxyEnvironment, proxyProgram } from '#app/proxy-program.ts';
import type { SecureXds } from '#app/secure-xds.ts';
import type { Clock } from '#base/clock.ts';
import type { LogLevel } from '#base/logger.ts';
import { type LocalProcess, startLocalProcess } from '#runtime/child-process.ts';
import type { PodPlan } from '#runtime/pod-plan.ts';
import type { PortAllocator } from '#runtime/port-allocator.ts';
import type { ProxyProcess, ProxyRequest, StartProxy } from '#runtime/proxy-process.ts';
import type { Watchdog } from '#runtime/watchdog.ts';

// Not by `import`: see runtime/probe.ts.
const { request } = process.getBuiltinModule('node:http');

export type EmbeddedProxyOptions = {
  readonly nodeProgram: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** `host:port` of the control plane's secure port. */
  readonly xdsTarget: string;
  /** The files by which a pod's proxy says who it is. */
  readonly credentials: (plan: PodPlan) => Promise<SecureXds>;
  readonly domain: string;
  readonly allocator: PortAllocator;
  readonly watchdog: Watchdog;
  readonly clock: Clock;
  readonly logLevel: LogLevel;
  /** Who is denied is told why, if he is on this machine. */
  readonly explainDenials: boolean;
};

const readyPollMs = 20;

export function embeddedProxies(options: EmbeddedProxyOptions): StartProxy {
  return (request) => startOne(options, request);
}

async function startOne(options: EmbeddedProxyOptions, { plan, network, logFile }: ProxyRequest): Promise<ProxyProcess> {
  const { nodeProgram, environment, xdsTarget, domain, allocator, watchdog, clock, logLevel, explainDenials } = options;
  const metadata = { ...nodeMetadata(plan, network), ...(explainDenials && { HEDDLE_EXPLAIN_DENIALS: 'true' }) };
  const [place, { tokenFile, rootsFile }] = await Promise.all([proxyPlace(network, allocator), options.credentials(plan)]);
  const { admin, adminText, inherit, giveBack } = place;
  const args = [
    ...[...proxyProgram(), '--xds', xdsTarget, '--node', nodeId(plan, network, domain), '--metadata', JSON.stringify(metadata)],
    ...['--token-file', tokenFile, '--ca-roots', rootsFile, '--admin-port', String(admin.port), '--log-level', logLevel, ...place.args],
  ];
  const env = { ...proxyEnvironment(environment), ...plan.proxy.environment };
  const running = startLocalProcess(network.enter({ command: nodeProgram, args, cwd: process.cwd(), env, logFile, inherit }, 'proxy'), watchdog);
  void running.ended.then(giveBack);
  return {
    ...running,
    admin: adminText,
    ready: becomeReady(running, admin, clock),
    drain: (deadlineMs) => drain(admin, clock, deadlineMs, plan.isGateway ? undefined : inboundPortsOf(network)),
  };
}

/** Resolves when `/ready` answers 200; stays open where the process ends before. */
async function becomeReady(running: LocalProcess, admin: AdminPlace, clock: Clock): Promise<void> {
  let ended = false;
  void running.ended.then(() => (ended = true));
  while (!(await isReady(admin))) {
    if (ended) return new Promise(() => {});
    await new Promise<void>((resolve) => void clock.after(readyPollMs, resolve));
  }
}

async function isReady(admin: AdminPlace): Promise<boolean> {
  return ask('GET', admin, '/ready').then(
    ({ status }) => status === 200,
    () => false,
  );
}

/** Where a sidecar listens for what others send: on the pod's ports, or on Istio's port for all of them. */
function inboundPortsOf({ ports }: ProxyRequest['network']): ReadonlySet<number> {
  return new Set([15006, ...Object.values(ports.inbound).map(({ listen }) => listen)]);
}

/**
 * Listeners stop accepting and close what is idle; waits for the connections that are left (downstream_cx_active), or for the deadline. `inbound`: the ports
 * of those listeners alone; what the app calls goes on being served.
 */
async function drain(admin: AdminPlace, clock: Clock, deadlineMs: number, inbound: ReadonlySet<number> | undefined): Promise<void> {
  const endMs = clock.monotonicMs() + deadlineMs;
  try {
    await ask('POST', admin, `/drain_listeners${inbound === undefined ? '' : '?inboundonly'}`);
    while (clock.monotonicMs() < endMs && openConnections((await ask('GET', admin, '/stats')).body, inbound) > 0) {
      await new Promise<void>((resolve) => void clock.after(readyPollMs, resolve));
    }
  } catch {
    // A proxy that does not answer has nothing to drain.
  }
}

function openConnections(stats: string, inbound: ReadonlySet<number> | undefined): number {
  const all = [...stats.matchAll(/^listener\..*_(\d+)\.downstream_cx_active: (\d+)$/gm)];
  return all.reduce((sum, [, port, count]) => (inbound === undefined || inbound.has(Number(port)) ? sum + Number(count) : sum), 0);
}

function ask(method: string, admin: AdminPlace, path: string): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...admin, method, path, agent: false, timeout: 2_000 }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (text: string) => (body += text));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }));
      answer.on('error', reject);
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer')));
    outgoing.on('error', reject);
    outgoing.end();
  });
}
