// How long a proxy drains, as the ProxyConfig in its node's metadata (PROXY_CONFIG) says.
import { parseDurationMs } from '#base/duration.ts';
import { isObject } from '#base/object.ts';

export type DrainTimes = {
  /** terminationDrainDuration: when the proxy is told to end. */
  readonly drainMs?: number;
  /** drainDuration: connections of a listener that was changed or taken away, 45 s unless said. */
  readonly listenerDrainMs?: number;
};

/** Istio's. Its agent gives it to Envoy as --drain-time-s; an Envoy that nobody tells drains for 600 s. */
const defaultListenerDrainMs = 45_000;

/** What is no duration counts as not there. Source: Istio, DefaultProxyConfig. */
export function drainTimes(metadata: Readonly<Record<string, unknown>> | undefined): DrainTimes {
  const config = metadata?.['PROXY_CONFIG'];
  const { terminationDrainDuration, drainDuration } = isObject(config) ? config : {};
  const drainMs = durationMs(terminationDrainDuration);
  return { ...(drainMs !== undefined && { drainMs }), listenerDrainMs: durationMs(drainDuration) ?? defaultListenerDrainMs };
}

function durationMs(written: unknown): number | undefined {
  return typeof written === 'string' ? parseDurationMs(written) : undefined;
}
