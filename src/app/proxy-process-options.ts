// What the programs beside a workload have in common on their command lines: the embedded proxy, and the agent of an Envoy. Nothing of a data path is
// loaded here.

import type { PodOptions, PodOptionTexts } from '#app/pod-options.ts';
import type { ProxySource } from '#app/proxy.ts';
import { type DrainTimes, drainTimes } from '#app/proxy-drain.ts';
import type { ProxySourceOptions } from '#app/proxy-source.ts';
import type { HealthOptions } from '#app/workload-health.ts';
import type { LogLevel } from '#base/logger.ts';
import { failed, ok, type Result } from '#base/result.ts';

export type ProxyProcessOptions = ProxySourceOptions &
  PodOptionTexts & {
    readonly adminPort?: string | undefined;
    /** Where Prometheus asks: `15020,15090`, the second one without the application's metrics; nowhere by default. */
    readonly metricsPorts?: string | undefined;
    /** Where log lines go; standard error by default. */
    readonly logFile?: string | undefined;
    readonly logLevel?: string | undefined;
  };

/** What reads these options is loaded where one is given. */
export async function podOptions(texts: PodOptionTexts): Promise<Result<PodOptions, readonly string[]>> {
  const { bindSource, dns, dnsUpstream, hostSockets = [] } = texts;
  if (bindSource === undefined && dns === undefined && dnsUpstream === undefined && hostSockets.length === 0)
    return ok({ proxyAddresses: [], dns: undefined, hostSockets: [] });
  const { readPodOptions } = await import('#app/pod-options.ts');
  return readPodOptions(texts);
}

/** As the ProxyConfig in the node's metadata says. */
export function drainOf(source: ProxySource): DrainTimes {
  return source.kind === 'xds' ? drainTimes(source.node.metadata) : {};
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

/** A port that is no number, or 0, is an error. */
export function readMetricsPorts(text: string | undefined): Result<{ readonly merged: number; readonly proxy?: number } | undefined, string> {
  if (text === undefined) return ok(undefined);
  const [merged = 0, proxy, ...more] = text.split(',').map(Number);
  const isPort = (port: number): boolean => Number.isInteger(port) && port > 0 && port < 65_536;
  if (!isPort(merged) || (proxy !== undefined && !isPort(proxy)) || more.length > 0) return failed(`--metrics-ports ${text} is no port, nor two`);
  return ok({ merged, ...(proxy !== undefined && { proxy }) });
}

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export function readLevel(text: string): Result<LogLevel, string> {
  const level = levels.find((known) => known === text);
  return level === undefined ? failed(`--log-level ${text} is none of ${levels.join(', ')}`) : ok(level);
}
