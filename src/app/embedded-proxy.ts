// The embedded proxy beside each local pod: one lean child of our own program per pod (app/proxy-main.ts), ready when its admin server
// says so.
import { nodeId, nodeMetadata } from '#app/proxy-node.ts';
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

async function startOne(options: EmbeddedProxyOptions, { plan, network: { ports }, logFile }: ProxyRequest): Promise<ProxyProcess> {
  const { nodeProgram, environment, xdsTarget, domain, allocator, watchdog, clock, logLevel, explainDenials } = options;
  const metadata = { ...nodeMetadata(plan, ports), ...(explainDenials && { HEDDLE_EXPLAIN_DENIALS: 'true' }) };
  const [adminPort, { tokenFile, rootsFile }] = await Promise.all([allocator.take(), options.credentials(plan)]);
  const args = [
    ...[...proxyProgram(), '--xds', xdsTarget, '--node', nodeId(plan, domain), '--metadata', JSON.stringify(metadata)],
    ...['--token-file', tokenFile, '--ca-roots', rootsFile, '--admin-port', String(adminPort), '--log-level', logLevel],
  ];
  const running = startLocalProcess(
    { command: nodeProgram, args, cwd: process.cwd(), env: { ...proxyEnvironment(environment), ...plan.proxy.environment }, logFile },
    watchdog,
  );
  void running.ended.then(() => allocator.giveBack([adminPort]));
  return {
    ...running,
    admin: `127.0.0.1:${adminPort}`,
    ready: becomeReady(running, adminPort, clock),
    drain: (deadlineMs) => drain(adminPort, clock, deadlineMs),
  };
}

/** Resolves when `/ready` answers 200; stays open where the process ends before. */
async function becomeReady(running: LocalProcess, adminPort: number, clock: Clock): Promise<void> {
  let ended = false;
  void running.ended.then(() => (ended = true));
  while (!(await isReady(adminPort))) {
    if (ended) return new Promise(() => {});
    await new Promise<void>((resolve) => void clock.after(readyPollMs, resolve));
  }
}

async function isReady(adminPort: number): Promise<boolean> {
  return ask('GET', adminPort, '/ready').then(
    ({ status }) => status === 200,
    () => false,
  );
}

/** Listeners stop accepting and close what is idle; waits for the connections that are left (downstream_cx_active), or for the deadline. */
async function drain(adminPort: number, clock: Clock, deadlineMs: number): Promise<void> {
  const endMs = clock.monotonicMs() + deadlineMs;
  try {
    await ask('POST', adminPort, '/drain_listeners');
    while (clock.monotonicMs() < endMs && openConnections((await ask('GET', adminPort, '/stats')).body) > 0) {
      await new Promise<void>((resolve) => void clock.after(readyPollMs, resolve));
    }
  } catch {
    // A proxy that does not answer has nothing to drain.
  }
}

function openConnections(stats: string): number {
  return [...stats.matchAll(/^listener\..*\.downstream_cx_active: (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
}

function ask(method: string, port: number, path: string): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, method, path, agent: false, timeout: 2_000 }, (answer) => {
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
