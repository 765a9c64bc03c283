// One embedded proxy from its command line to its end: as a process of its own (SIGTERM and SIGINT drain, a second one ends at once), or as one of several
// in a process, whose orders it follows.
import { type LeveledLogger, leveledLogger } from '#app/leveled-logger.ts';
import { type ProxyOptions, type ProxySource, type RunningProxy, runProxy } from '#app/proxy.ts';
import {
  drainOf,
  type ProxyProcessOptions,
  podOptions,
  readAdminPort,
  readLevel,
  readMetricsPorts,
  readProbe,
  stopSignal,
} from '#app/proxy-process-options.ts';
import { readSource } from '#app/proxy-source.ts';
import type { HealthOptions } from '#app/workload-health.ts';
import { systemClock } from '#base/clock.ts';
import type { Logger } from '#base/logger.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { WorkloadIdentity } from '#ca/client/workload-identity.ts';

/** What a proxy has from its process, and hears from it. */
export type ProxySurroundings = Pick<ProxyOptions, 'network' | 'outputFile' | 'hostSockets'> & {
  /** Resolves when the proxy is to drain and end: `quit` aborts when its admin page is asked for that. */
  readonly untilEnd: (quit: AbortSignal) => Promise<void>;
  /** Aborts when it is to wait for nothing any more. */
  readonly cut?: AbortSignal;
  readonly onReady?: () => void;
};

const ownProcess: ProxySurroundings = { untilEnd: stopSignal };

/** Resolves with the exit code: 0 after a drain, 2 where options or configuration cannot be used. `warn` gets what a user must read. */
export async function runProxyProcess(options: ProxyProcessOptions, warn: (line: string) => void, surroundings = ownProcess): Promise<number> {
  const settings = await readSettings(options, warn, surroundings);
  if (!settings.ok) {
    for (const problem of settings.error) warn(problem);
    return 2;
  }
  const { proxyOptions, logger } = settings.value;
  const stop = new AbortController();
  const identity = await startIdentity(proxyOptions.source, logger);
  const started = await runProxy({
    ...proxyOptions,
    ...(identity === undefined ? {} : { identity }),
    onQuit: () => stop.abort(),
    onLogLevel: (next) => logger.setLevel(next),
  });
  if (!started.ok) {
    for (const problem of started.error) warn(problem);
    await identity?.[Symbol.asyncDispose]();
    return 2;
  }
  const proxy = started.value;
  if (proxy.admin !== undefined) logger.log('info', 'admin', { address: `${proxy.admin.address}:${proxy.admin.port}` });
  const endReady = whenReady(proxy, settings.value, surroundings.onReady);
  await surroundings.untilEnd(stop.signal);
  endReady();
  logger.log('info', 'draining');
  const { cut } = surroundings;
  if (cut?.aborted === true) proxy.cut();
  else cut?.addEventListener('abort', () => proxy.cut(), { once: true });
  await proxy.close();
  await identity?.[Symbol.asyncDispose]();
  return 0;
}

type Settings = {
  readonly proxyOptions: ProxyOptions;
  readonly probe: ((options: HealthOptions) => () => void) | undefined;
  readonly logger: LeveledLogger;
};

async function readSettings(
  options: ProxyProcessOptions,
  warn: (line: string) => void,
  { network, outputFile, hostSockets }: ProxySurroundings,
): Promise<Result<Settings, readonly string[]>> {
  const source = await readSource(options, warn);
  const probe = await readProbe(source);
  const admin = readAdminPort(options.adminPort);
  const metrics = readMetricsPorts(options.metricsPorts);
  const level = readLevel(options.logLevel ?? 'info');
  const pod = await podOptions(options);
  const problems = [source, probe, admin, metrics, level, pod].flatMap((result) => (result.ok ? [] : [result.error]));
  if (!source.ok || !probe.ok || !admin.ok || !metrics.ok || !level.ok || !pod.ok) return failed(problems.flat());
  const logger = leveledLogger(level.value, options.logFile);
  const proxyOptions: ProxyOptions = {
    source: source.value,
    logger,
    clock: systemClock,
    ...(admin.value === undefined ? {} : { admin: { address: '127.0.0.1', port: admin.value } }),
    ...(metrics.value === undefined ? {} : { metricsPorts: metrics.value }),
    ...(pod.value.proxyAddresses.length === 0 ? {} : { proxyAddresses: pod.value.proxyAddresses }),
    dns: pod.value.dns,
    hostSockets: hostSockets ?? pod.value.hostSockets,
    network,
    outputFile,
    ...drainOf(source.value),
  };
  return ok({ proxyOptions, probe: probe.value, logger });
}

/** Tells that the proxy serves, and has its application probed from then on where that is asked for. Gives what ends it. */
function whenReady(proxy: RunningProxy, { probe, logger }: Settings, onReady: (() => void) | undefined): () => void {
  let isOver = false;
  let endProbing = (): void => {};
  void proxy.ready.then(() => {
    // What waits for it hears of it at the end, too.
    if (isOver) return;
    for (const { name, address, port } of proxy.listeners()) logger.log('info', 'listening', { listener: name, address: `${address}:${port}` });
    logger.log('info', 'ready');
    onReady?.();
    if (probe !== undefined) endProbing = probe({ clock: systemClock, logger, report: (reason) => proxy.reportHealth(reason) });
  });
  return () => {
    isOver = true;
    endProbing();
  };
}

/** The client of the certificate authority is loaded where there is one to ask. */
async function startIdentity(source: ProxySource, logger: Logger): Promise<WorkloadIdentity | undefined> {
  if (source.kind !== 'xds' || source.secure === undefined) return undefined;
  const { startWorkloadIdentity } = await import('#ca/client/client.ts');
  return startWorkloadIdentity({ target: source.target, ...source.secure, logger, clock: systemClock, random: Math.random });
}
