// In: a trafficPolicy as written. Out: the policy of the model: durations in milliseconds, words of the field for what Istio spells in capitals.
import type { TrafficPolicy as WrittenPolicy } from '#api/istio/destination-rule.ts';
import type { FieldOrigins } from '#api/resource.ts';
import { parseDurationMs } from '#base/duration.ts';
import type { Origin } from '#base/origin.ts';
import { buildLoadBalancer } from '#model/build/destination-rule-balancing.ts';
import type { ClientTls, ConnectionPool, HttpPool, OutlierDetection, RulePolicy, TcpPool, TrafficPolicy, Tunnel } from '#model/destination-rule.ts';

type Path = readonly (string | number)[];
type PortPolicy = NonNullable<WrittenPolicy['portLevelSettings']>[number];
export type WrittenPool = NonNullable<WrittenPolicy['connectionPool']>;
type WrittenTls = NonNullable<WrittenPolicy['tls']>;

/** Undefined where no policy is written. Of two settings for one port the first counts. */
export function buildRulePolicy(written: WrittenPolicy | undefined, path: Path, origins: FieldOrigins): RulePolicy | undefined {
  if (written === undefined) return undefined;
  const { tunnel, proxyProtocol, retryBudget } = written;
  const ports = new Map<number, TrafficPolicy>();
  for (const [index, settings] of (written.portLevelSettings ?? []).entries()) {
    const number = settings.port?.number;
    if (number === undefined || ports.has(number)) continue;
    ports.set(number, buildPortPolicy(settings, [...path, 'portLevelSettings', index], origins));
  }
  return {
    ...buildPortPolicy(written, path, origins),
    ...(tunnel !== undefined && { tunnel: buildTunnel(tunnel, origins.at([...path, 'tunnel'])) }),
    ...(proxyProtocol !== undefined && {
      proxyProtocol: { version: proxyProtocol.version === 'V2' ? 2 : 1, origin: origins.at([...path, 'proxyProtocol']) },
    }),
    ...(retryBudget !== undefined && {
      retryBudget: {
        ...(retryBudget.percent !== undefined && { percent: retryBudget.percent }),
        ...((retryBudget.minRetryConcurrency ?? 0) > 0 && { minConcurrency: retryBudget.minRetryConcurrency }),
      },
    }),
    ports,
  };
}

function buildPortPolicy(written: Omit<PortPolicy, 'port'>, path: Path, origins: FieldOrigins): TrafficPolicy {
  const { loadBalancer, connectionPool, outlierDetection, tls } = written;
  return {
    ...(loadBalancer !== undefined && { loadBalancer: buildLoadBalancer(loadBalancer, [...path, 'loadBalancer'], origins) }),
    ...(connectionPool !== undefined && { connectionPool: buildConnectionPool(connectionPool, origins.at([...path, 'connectionPool'])) }),
    ...(outlierDetection !== undefined && { outlierDetection: buildOutlierDetection(outlierDetection, origins.at([...path, 'outlierDetection'])) }),
    ...(tls !== undefined && { tls: buildTls(tls, origins.at([...path, 'tls'])) }),
    origin: origins.at(path),
  };
}

/** Also for the pools of a Sidecar and of MeshConfig, which are written the same way. */
export function buildConnectionPool({ tcp, http }: WrittenPool, origin: Origin): ConnectionPool {
  return { ...(tcp !== undefined && { tcp: buildTcpPool(tcp) }), ...(http !== undefined && { http: buildHttpPool(http) }), origin };
}

function buildTcpPool(tcp: NonNullable<WrittenPool['tcp']>): TcpPool {
  const { tcpKeepalive: keepalive } = tcp;
  return {
    maxConnections: tcp.maxConnections ?? 0,
    ...milliseconds('connectTimeoutMs', tcp.connectTimeout),
    ...(keepalive !== undefined && {
      keepalive: {
        ...((keepalive.probes ?? 0) > 0 && { probes: keepalive.probes }),
        ...seconds('timeSeconds', keepalive.time),
        ...seconds('intervalSeconds', keepalive.interval),
      },
    }),
    ...milliseconds('maxConnectionDurationMs', tcp.maxConnectionDuration),
    ...milliseconds('idleTimeoutMs', tcp.idleTimeout),
  };
}

function buildHttpPool(http: NonNullable<WrittenPool['http']>): HttpPool {
  const { h2UpgradePolicy, http2KeepAlive: keepalive } = http;
  return {
    maxPendingRequests: http.http1MaxPendingRequests ?? 0,
    maxRequests: http.http2MaxRequests ?? 0,
    maxRequestsPerConnection: http.maxRequestsPerConnection ?? 0,
    maxRetries: http.maxRetries ?? 0,
    maxConcurrentStreams: http.maxConcurrentStreams ?? 0,
    ...milliseconds('idleTimeoutMs', http.idleTimeout),
    ...(h2UpgradePolicy !== undefined && h2UpgradePolicy !== 'DEFAULT' && { h2Upgrade: h2UpgradePolicy === 'UPGRADE' }),
    useClientProtocol: http.useClientProtocol ?? false,
    ...(keepalive !== undefined && {
      http2Keepalive: { intervalMs: parseDurationMs(keepalive.interval ?? '') ?? 0, timeoutMs: parseDurationMs(keepalive.timeout ?? '') ?? 0 },
    }),
  };
}

/** Also for that of MeshConfig. */
export function buildOutlierDetection(written: NonNullable<WrittenPolicy['outlierDetection']>, origin: Origin): OutlierDetection {
  const statuses = written.outlierDetectionHttpErrorCodes ?? [];
  return {
    ...(written.consecutive5xxErrors !== undefined && { consecutive5xx: written.consecutive5xxErrors }),
    ...(written.consecutiveGatewayErrors !== undefined && { consecutiveGatewayErrors: written.consecutiveGatewayErrors }),
    ...(written.splitExternalLocalOriginErrors === true && {
      localOrigin: { consecutiveFailures: written.consecutiveLocalOriginFailures ?? 0 },
    }),
    ...milliseconds('intervalMs', written.interval),
    ...milliseconds('baseEjectionMs', written.baseEjectionTime),
    maxEjectionPercent: written.maxEjectionPercent ?? 0,
    minHealthPercent: written.minHealthPercent ?? 0,
    ...(statuses.length > 0 && { errorStatuses: [...new Set(statuses)] }),
    origin,
  };
}

const tlsModes = { DISABLE: 'disable', SIMPLE: 'simple', MUTUAL: 'mutual', ISTIO_MUTUAL: 'istio-mutual' } as const;

function buildTls(written: WrittenTls, origin: Origin): ClientTls {
  const { mode = 'DISABLE', clientCertificate, privateKey, caCertificates, caCrl, credentialName, sni } = written;
  const texts = { clientCertificate, privateKey, caCertificates, caCrl, credentialName, sni };
  return {
    mode: tlsModes[mode],
    ...Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== undefined && text !== '')),
    subjectAltNames: written.subjectAltNames ?? [],
    insecureSkipVerify: written.insecureSkipVerify ?? false,
    origin,
  };
}

function buildTunnel({ protocol, targetHost, targetPort }: NonNullable<WrittenPolicy['tunnel']>, origin: Origin): Tunnel {
  return { method: protocol === 'POST' ? 'POST' : 'CONNECT', host: targetHost, port: targetPort, origin };
}

type Named<Name extends string> = { readonly [Key in Name]?: number };

function milliseconds<Name extends string>(name: Name, text: string | undefined): Named<Name> {
  const ms = text === undefined ? undefined : parseDurationMs(text);
  // The one key there is has the name that the type says.
  return (ms === undefined ? {} : { [name]: ms }) as Named<Name>;
}

/** Whole seconds, as Envoy counts keep-alive in; what is below is cut off, as in Istio. */
function seconds<Name extends string>(name: Name, text: string | undefined): Named<Name> {
  const ms = text === undefined ? undefined : parseDurationMs(text);
  // As above.
  return (ms === undefined ? {} : { [name]: Math.floor(ms / 1000) }) as Named<Name>;
}
