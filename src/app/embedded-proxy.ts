// The embedded proxy beside each local pod: one lean child of our own program per pod (app/proxy-main.ts), or one for all of them
// (app/shared-proxies.ts).
import { drainEmbedded, inboundPortsOf } from '#app/embedded-admin.ts';
import { nodeId, nodeMetadata } from '#app/proxy-node.ts';
import { firstInherited, type ProxyPlace, proxyPlace } from '#app/proxy-place.ts';
import { proxyEnvironment, proxyProgram } from '#app/proxy-program.ts';
import type { SecureXds } from '#app/secure-xds.ts';
import type { Clock } from '#base/clock.ts';
import type { LogLevel } from '#base/logger.ts';
import { startAnnouncingProcess } from '#runtime/child-process.ts';
import type { PodPlan } from '#runtime/pod-plan.ts';
import type { PortAllocator } from '#runtime/port-allocator.ts';
import type { ProxyProcess, ProxyRequest, StartProxy } from '#runtime/proxy-process.ts';
import type { Watchdog } from '#runtime/watchdog.ts';

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

/** Each proxy in a process of its own. */
export function embeddedProxies(options: EmbeddedProxyOptions): StartProxy {
  return (request) => startOne(options, request);
}

async function startOne(options: EmbeddedProxyOptions, request: ProxyRequest): Promise<ProxyProcess> {
  const { nodeProgram, environment, watchdog, clock } = options;
  const { plan, network, logFile } = request;
  const { place, args: ofProxy } = await prepareProxy(options, request);
  const { descriptors: inherit, args: ofSockets } = place.inherited;
  const args = [...proxyProgram(), ...ofProxy, ...ofSockets, '--ready-fd', String(firstInherited + inherit.length)];
  const env = { ...proxyEnvironment(environment), ...plan.proxy.environment };
  const spec = { command: nodeProgram, args, cwd: process.cwd(), env, logFile, inherit };
  const running = startAnnouncingProcess(network.enter(spec, 'proxy'), watchdog);
  void running.ended.then(place.giveBack);
  return { ...running, ...asked(place, request, clock) };
}

/** Where a proxy will be, and what it is told, wherever it runs. */
export async function prepareProxy(
  { xdsTarget, credentials, domain, allocator, logLevel, explainDenials }: EmbeddedProxyOptions,
  { plan, network }: ProxyRequest,
): Promise<{ readonly place: ProxyPlace; readonly args: readonly string[] }> {
  const metadata = { ...nodeMetadata(plan, network), ...(explainDenials && { HEDDLE_EXPLAIN_DENIALS: 'true' }) };
  const [place, { tokenFile, rootsFile }] = await Promise.all([proxyPlace(network, allocator), credentials(plan)]);
  const args = [
    ...['--xds', xdsTarget, '--node', nodeId(plan, network, domain), '--metadata', JSON.stringify(metadata), '--token-file', tokenFile],
    ...['--ca-roots', rootsFile, '--admin-port', String(place.admin.port), '--log-level', logLevel, ...place.args],
  ];
  return { place, args };
}

/** What is asked of its admin server. */
export function asked(
  { admin, adminText, metricsText }: ProxyPlace,
  { plan, network }: ProxyRequest,
  clock: Clock,
): Required<Pick<ProxyProcess, 'admin' | 'metrics' | 'drain'>> {
  return {
    admin: adminText,
    metrics: metricsText,
    drain: (deadlineMs) => drainEmbedded(admin, clock, deadlineMs, plan.isGateway ? undefined : inboundPortsOf(network)),
  };
}
