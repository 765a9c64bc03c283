// The part of MeshConfig that is about listeners: their ports, how long they wait to find a protocol out, and where what comes in goes.
import { parseDurationMs } from '#base/duration.ts';
import type { ListenerSettings } from '#model/mesh.ts';

type Problem = { readonly field: string; readonly message: string };

/** The fields of MeshConfig that are read in here. */
export const listenerFields = [
  'proxyListenPort',
  'proxyInboundListenPort',
  'proxyHttpPort',
  'protocolDetectionTimeout',
  'inboundTrafficPolicy',
  'disableEnvoyListenerLog',
] as const;

/** Istio's defaults for what is not there, or makes no sense. */
export function readListenerSettings(config: Readonly<Record<string, unknown>>, problems: Problem[]): ListenerSettings {
  const outboundPort = readPort('proxyListenPort', config, problems);
  const inboundPort = readPort('proxyInboundListenPort', config, problems);
  const httpProxyPort = readPort('proxyHttpPort', config, problems);
  const timeout = config['protocolDetectionTimeout'];
  const detectionTimeoutMs = typeof timeout === 'string' ? parseDurationMs(timeout) : undefined;
  if (timeout !== undefined && detectionTimeoutMs === undefined)
    problems.push({ field: 'protocolDetectionTimeout', message: 'must be a duration, such as 5s' });
  return {
    ...(outboundPort !== undefined && { outboundPort }),
    ...(inboundPort !== undefined && { inboundPort }),
    ...(httpProxyPort !== undefined && { httpProxyPort }),
    ...(detectionTimeoutMs !== undefined && detectionTimeoutMs > 0 && { detectionTimeoutMs }),
    ...(readInboundMode(config['inboundTrafficPolicy'], problems) === 'LOCALHOST' && { inboundToLocalhost: true }),
    ...(config['disableEnvoyListenerLog'] === true && { withoutLog: true }),
  };
}

/** 0 is as if nothing was there. */
function readPort(field: (typeof listenerFields)[number], config: Readonly<Record<string, unknown>>, problems: Problem[]): number | undefined {
  const value = config[field];
  if (value === undefined || value === 0) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536) return value;
  problems.push({ field, message: 'must be a port number' });
  return undefined;
}

function readInboundMode(value: unknown, problems: Problem[]): unknown {
  const mode = typeof value === 'object' && value !== null && 'mode' in value ? value.mode : undefined;
  if (mode !== undefined && mode !== 'PASSTHROUGH' && mode !== 'LOCALHOST') {
    problems.push({ field: 'inboundTrafficPolicy.mode', message: `'${String(mode)}' is none of PASSTHROUGH, LOCALHOST` });
  }
  return mode;
}
