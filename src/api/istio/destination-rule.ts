// networking.istio.io DestinationRule, whole: https://istio.io/latest/docs/reference/config/networking/destination-rule/
import { array, boolean, duration, integer, map, number, object, oneOf, port, required, type Static, string } from '#api/schema.ts';

const count = integer({ minimum: 0 });
/** A duration that may also be `0s`, which switches the timeout off. */
const durationOrOff = string({ format: 'protobuf-duration-or-zero' });

/** Also MeshConfig.tcpKeepalive. */
export const tcpKeepalive = object({ probes: count, time: duration(), interval: duration() });

export const connectionPool = object({
  tcp: object({
    maxConnections: count,
    connectTimeout: duration(),
    tcpKeepalive,
    maxConnectionDuration: duration(),
    idleTimeout: durationOrOff,
  }),
  http: object({
    http1MaxPendingRequests: count,
    http2MaxRequests: count,
    maxRequestsPerConnection: count,
    maxRetries: count,
    idleTimeout: duration(),
    h2UpgradePolicy: oneOf('DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE'),
    useClientProtocol: boolean(),
    maxConcurrentStreams: count,
    http2KeepAlive: object({ interval: duration(), timeout: duration() }),
  }),
});

const consistentHash = object(
  {
    httpHeaderName: string(),
    httpCookie: object({
      name: required(string()),
      path: string(),
      ttl: durationOrOff,
      attributes: array(object({ name: required(string()), value: string() })),
    }),
    useSourceIp: boolean(),
    httpQueryParameterName: string(),
    ringHash: object({ minimumRingSize: count }),
    maglev: object({ tableSize: count }),
    minimumRingSize: count,
  },
  {
    atMostOneOf: [
      ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'],
      ['ringHash', 'maglev'],
    ],
  },
);

const failover = array(object({ from: string(), to: string() }));

/** Also MeshConfig.zoneAwareLbSetting. */
export const zoneAwareLbSetting = object({
  enabled: boolean(),
  failover,
  failoverPriority: array(string()),
  minClusterSize: integer({ minimum: 1 }),
});

/** Also MeshConfig.localityLbSetting. */
export const localityLbSetting = object({
  distribute: array(object({ from: string(), to: map(count) })),
  failover,
  failoverPriority: array(string()),
  enabled: boolean(),
});

const loadBalancer = object(
  {
    simple: oneOf('UNSPECIFIED', 'LEAST_CONN', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN', 'LEAST_REQUEST'),
    consistentHash,
    backendUtilization: object({
      errorUtilizationPenaltyPercent: count,
      metricNamesForComputingUtilization: array(string()),
      weightExpirationPeriod: durationOrOff,
      weightStabilizationPeriod: durationOrOff,
      weightUpdatePeriod: durationOrOff,
    }),
    localityLbSetting,
    zoneAwareLbSetting,
    warmupDurationSecs: duration(),
    warmup: object({
      duration: required(duration()),
      minimumPercent: number({ minimum: 0, maximum: 100 }),
      aggression: number({ minimum: 0 }),
    }),
  },
  { atMostOneOf: [['simple', 'consistentHash', 'backendUtilization']] },
);

export const outlierDetection = object({
  consecutiveErrors: count,
  splitExternalLocalOriginErrors: boolean(),
  consecutiveLocalOriginFailures: count,
  consecutiveGatewayErrors: count,
  consecutive5xxErrors: count,
  interval: duration(),
  baseEjectionTime: duration(),
  maxEjectionPercent: integer({ minimum: 0, maximum: 100 }),
  minHealthPercent: integer({ minimum: 0, maximum: 100 }),
  outlierDetectionHttpErrorCodes: array(integer({ minimum: 100, maximum: 599 })),
});

const clientTls = object({
  mode: oneOf('DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL'),
  clientCertificate: string(),
  privateKey: string(),
  caCertificates: string(),
  credentialName: string(),
  subjectAltNames: array(string()),
  sni: string(),
  insecureSkipVerify: boolean(),
  caCrl: string(),
});

const trafficPolicy = object({
  loadBalancer,
  connectionPool,
  outlierDetection,
  tls: clientTls,
  portLevelSettings: array(object({ port: object({ number: port() }), loadBalancer, connectionPool, outlierDetection, tls: clientTls }), {
    maxItems: 4096,
  }),
  tunnel: object({ protocol: string(), targetHost: required(string()), targetPort: required(port()) }),
  proxyProtocol: object({ version: oneOf('V1', 'V2') }),
  retryBudget: object({
    budgetInterval: durationOrOff,
    minRetryConcurrency: count,
    percent: number({ minimum: 0, maximum: 100 }),
  }),
});

export const destinationRuleSpec = object({
  host: required(string({ format: 'host' })),
  trafficPolicy,
  subsets: array(object({ name: required(string({ minLength: 1 })), labels: map(string()), trafficPolicy })),
  exportTo: array(string()),
  workloadSelector: object({ matchLabels: map(string()) }),
});

export type DestinationRuleSpec = Static<typeof destinationRuleSpec>;
export type TrafficPolicy = Static<typeof trafficPolicy>;
