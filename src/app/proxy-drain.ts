// How long a proxy drains, as the ProxyConfig in its node's metadata (PROXY_CONFIG) says.
import { parseDurationMs } from '#base/duration.ts';
import { isObject } from '#base/object.ts';

export type DrainTimes = {
  /** terminationDrainDuration: when the proxy is told to end. */
  readonly drainMs?: number;
  /** drainDuration: connections of a listener that was changed or taken away. */
  readonly listenerDrainMs?: number;
};

/** What is no duration counts as not there. */
export function drainTimes(metadata: Readonly<Record<string, unknown>> | undefined): DrainTimes {
  const config = metadata?.['PROXY_CONFIG'];
  const { terminationDrainDuration, drainDuration } = isObject(config) ? config : {};
  const drainMs = durationMs(terminationDrainDuration);
  const listenerDrainMs = durationMs(drainDuration);
  return { ...(drainMs !== undefined && { drainMs }), ...(listenerDrainMs !== undefined && { listenerDrainMs }) };
}

function durationMs(written: unknown): number | undefined {
  return typeof written === 'string' ? parseDurationMs(written) : undefined;
}
