// One embedded proxy as a process of its own: options in, running until a signal ends it. SIGTERM and SIGINT drain, a second one ends at once.
import { leveledLogger } from '#app/leveled-logger.ts';
import type { PodOptions, PodOptionTexts } from '#app/pod-options.ts';
import { type ProxySource, runProxy } from '#app/proxy.ts';
import { type ProxySourceOptions, readSource } from '#app/proxy-source.ts';
import type { HealthOptions } from '#app/workload-health.ts';
import { systemClock } from '#base/clock.ts';
import { parseDurationMs } from '#base/duration.ts';
import type { Logger, LogLevel } from '#base/logger.ts';
import { isObject } from '#base/object.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { WorkloadIdentity } from '#ca/client/workload-identity.ts';

export type ProxyProcessOptions = ProxySourceOptions &
  PodOptionTexts & {
    readonly adminPort?: string | undefined;
    /** Where log lines go; standard error by default. */
    readonly logFile?: string | undefined;
    readonly logLevel?: string | undefined;
  };

/** Resolves with the exit code: 0 after a drain, 2 where options or configuration cannot be used. `warn` gets what a user must read. */
export async function runProxyProcess(options: ProxyProcessOptions, warn: (line: string) => void): Promise<number> {
  const source = await readSource(options, warn);
  const probe = await readProbe(source);
  const admin = readAdminPort(options.adminPort);
  const level = readLevel(options.logLevel ?? 'info');
  const pod = await podOptions(options);
  const problems = [source, probe, admin, level, pod].flatMap((result) => (result.ok ? [] : [result.error]));
  if (!source.ok || !probe.ok || !admin.ok || !level.ok || !pod.ok) {
    for (const problem of problems.flat()) warn(problem);
    return 2;
  }
  const logger = leveledLogger(level.value, options.logFile);
  const stop = new AbortController();
  const identity = await startIdentity(source.value, logger);
  const started = await runProxy({
    source: source.value,
    ...(identity === undefined ? {} : { identity }),
    logger,
    clock: systemClock,
    ...(admin.value === undefined ? {} : { admin: { address: '127.0.0.1', port: admin.value } }),
    ...(pod.value.proxyAddresses.length === 0 ? {} : { proxyAddresses: pod.value.proxyAddresses }),
    ...(pod.value.dns === undefined ? {} : { dns: pod.value.dns }),
    ...(pod.value.hostSockets.length === 0 ? {} : { hostSockets: pod.value.hostSockets }),
    ...drainOf(source.value),
    onQuit: () => stop.abort(),
    onLogLevel: (next) => logger.setLevel(next),
  });
  if (!started.ok) {
    for (const problem of started.error) warn(problem);
    return 2;
  }
  const proxy = started.value;
  if (proxy.admin !== undefined) logger.log('info', 'admin', { address: `${proxy.admin.address}:${proxy.admin.port}` });
  let isDraining = false;
  let endProbing = (): void => {};
  void proxy.ready.then(() => {
    // What waits for it hears of it at the end, too.
    if (isDraining) return;
    for (const { name, address, port } of proxy.listeners()) logger.log('info', 'listening', { listener: name, address: `${address}:${port}` });
    logger.log('info', 'ready');
    if (probe.value !== undefined) endProbing = probe.value({ clock: systemClock, logger, report: (reason) => proxy.reportHealth(reason) });
  });
  await stopSignal(stop.signal);
  isDraining = true;
  endProbing();
  logger.log('info', 'draining');
  await proxy.close();
  await identity?.[Symbol.asyncDispose]();
  return 0;
}

/** What reads these options is loaded where one is given. */
export async function podOptions(texts: PodOptionTexts): Promise<Result<PodOptions, readonly string[]>> {
  const { bindSource, dns, dnsUpstream, hostSockets = [] } = texts;
  if (bindSource === undefined && dns === undefined && dnsUpstream === undefined && hostSockets.length === 0)
    return ok({ proxyAddresses: [], dns: undefined, hostSockets: [] });
  const { readPodOptions } = await import('#app/pod-options.ts');
  return readPodOptions(texts);
}

/** ProxyConfig.terminationDrainDuration, as the node's metadata has it. */
export function drainOf(source: ProxySource): { readonly drainMs?: number } {
  const config = source.kind === 'xds' ? source.node.metadata?.['PROXY_CONFIG'] : undefined;
  const written = isObject(config) ? config['terminationDrainDuration'] : undefined;
  const drainMs = typeof written === 'string' ? parseDurationMs(written) : undefined;
  return drainMs === undefined ? {} : { drainMs };
}

/** How the app's health is watched from when the proxy serves; undefined where no probe was given. What does that is loaded where there is one. */
export async function readProbe(source: Result<ProxySource, unknown>): Promise<Result<((options: HealthOptions) => () => void) | undefined, string>> {
  const metadata = source.ok && source.value.kind === 'xds' ? source.value.node.metadata : undefined;
  if (metadata?.['PROXY_CONFIG'] === undefined) return ok(undefined);
  const { readReadinessProbe, startHealthReports } = await import('#app/workload-health.ts');
  const probe = readReadinessProbe(metadata);
  if (!probe.ok) return probe;
  const { value } = probe;
  return ok(value === undefined ? undefined : (options) => startHealthReports(value, options));
}

/** The client of the certificate authority is loaded where there is one to ask. */
async function startIdentity(source: ProxySource, logger: Logger): Promise<WorkloadIdentity | undefined> {
  if (source.kind !== 'xds' || source.secure === undefined) return undefined;
  const { startWorkloadIdentity } = await import('#ca/client/client.ts');
  return startWorkloadIdentity({ target: source.target, ...source.secure, logger, clock: systemClock, random: Math.random });
}

/** Resolves at the first signal. From then on a second one is the system's own: it kills. */
export function stopSignal(quit: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    // Listeners and their sockets keep the process alive, but with xDS there may be none yet.
    const alive = setInterval(() => {}, 2 ** 30);
    const done = (): void => {
      clearInterval(alive);
      process.off('SIGTERM', done);
      process.off('SIGINT', done);
      resolve();
    };
    process.once('SIGTERM', done);
    process.once('SIGINT', done);
    quit.addEventListener('abort', done, { once: true });
  });
}

export function readAdminPort(text: string | undefined): Result<number | undefined, string> {
  if (text === undefined) return ok(undefined);
  const port = Number(text);
  return Number.isInteger(port) && port >= 0 && port < 65_536 && text !== '' ? ok(port) : failed(`--admin-port ${text} is no port`);
}

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export function readLevel(text: string): Result<LogLevel, string> {
  const level = levels.find((known) => known === text);
  return level === undefined ? failed(`--log-level ${text} is none of ${levels.join(', ')}`) : ok(level);
}
