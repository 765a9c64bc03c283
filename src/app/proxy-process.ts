// One embedded proxy as a process of its own: options in, running until a signal ends it. SIGTERM and SIGINT drain, a second one ends at once.
import { leveledLogger } from '#app/leveled-logger.ts';
import { type ProxySource, runProxy } from '#app/proxy.ts';
import { drainOf, type ProxyProcessOptions, podOptions, readAdminPort, readLevel, readProbe, stopSignal } from '#app/proxy-process-options.ts';
import { readSource } from '#app/proxy-source.ts';
import { systemClock } from '#base/clock.ts';
import type { Logger } from '#base/logger.ts';
import type { WorkloadIdentity } from '#ca/client/workload-identity.ts';

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

/** The client of the certificate authority is loaded where there is one to ask. */
async function startIdentity(source: ProxySource, logger: Logger): Promise<WorkloadIdentity | undefined> {
  if (source.kind !== 'xds' || source.secure === undefined) return undefined;
  const { startWorkloadIdentity } = await import('#ca/client/client.ts');
  return startWorkloadIdentity({ target: source.target, ...source.secure, logger, clock: systemClock, random: Math.random });
}
