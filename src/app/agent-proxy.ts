// A real Envoy as the proxy of a pod that has a network of its own: beside it, in that network, runs an agent of ours (app/agent-main.ts), which has its
// identity, answers for names and watches it. To the runtime both are one process: they share a group, and what happens to the agent happens to Envoy.
import { join } from 'node:path';
import { envoyAdmin } from '#agent/envoy-admin.ts';
import { agentProgram } from '#app/agent-program.ts';
import { drainEnvoy } from '#app/envoy-drain.ts';
import type { EnvoyProxyOptions } from '#app/envoy-proxy-options.ts';
import { nodeId, nodeMetadata } from '#app/proxy-node.ts';
import { proxyPlace } from '#app/proxy-place.ts';
import { proxyEnvironment } from '#app/proxy-program.ts';
import type { Clock } from '#base/clock.ts';
import { type LocalProcess, startLocalProcess } from '#runtime/child-process.ts';
import type { ProxyProcess, ProxyRequest } from '#runtime/proxy-process.ts';

const readyPollMs = 20;

export async function startAgent(options: EnvoyProxyOptions, { plan, network, logFile }: ProxyRequest): Promise<ProxyProcess> {
  const { binary, xdsTarget, domain, allocator, watchdog, clock, nodeProgram, environment } = options;
  const [place, { tokenFile, rootsFile }] = await Promise.all([proxyPlace(network, allocator), options.credentials(plan)]);
  const { admin, adminText, metricsText, inherited, giveBack } = place;
  const { name, namespace } = plan.pod.metadata;
  const args = [
    ...[...agentProgram(), '--xds', xdsTarget, '--node', nodeId(plan, network, domain), '--metadata', JSON.stringify(nodeMetadata(plan, network))],
    ...['--token-file', tokenFile, '--ca-roots', rootsFile, '--admin-port', String(admin.port), ...place.args, ...inherited.args],
    ...['--envoy', binary, '--work-folder', join(options.workFolder, `${namespace}.${name}-${network.ports.address}`)],
    ...['--concurrency', String(plan.proxy.concurrency)],
  ];
  const env = { ...proxyEnvironment(environment), ...plan.proxy.environment };
  const spec = { command: nodeProgram, args, cwd: process.cwd(), env, logFile, inherit: inherited.descriptors };
  const running = startLocalProcess(network.enter(spec, 'proxy'), watchdog);
  void running.ended.then(giveBack);
  const questions = envoyAdmin(admin);
  return {
    ...running,
    admin: adminText,
    metrics: metricsText,
    ready: becomeReady(running, questions.ready, clock),
    drain: (deadlineMs) => drainEnvoy(questions, clock, deadlineMs, { inboundOnly: !plan.isGateway }),
    // Of the group only the agent is asked to end: it lets requests under way finish first.
    signal: (signal) => (signal === 'SIGKILL' ? running.signal(signal) : signalOne(running.pid, signal)),
  };
}

function signalOne(pid: number, signal: NodeJS.Signals): void {
  try {
    if (pid > 0) process.kill(pid, signal);
  } catch {
    // It is gone; that is what the signal was for.
  }
}

/** Stays open where the process ends before. */
async function becomeReady(running: LocalProcess, isReady: () => Promise<boolean>, clock: Clock): Promise<void> {
  let ended = false;
  void running.ended.then(() => (ended = true));
  while (!(await isReady().catch(() => false))) {
    if (ended) return new Promise(() => {});
    await new Promise<void>((resolve) => void clock.after(readyPollMs, resolve));
  }
}
