// networking.istio.io VirtualService, whole: https://istio.io/latest/docs/reference/config/networking/virtual-service/
import { array, boolean, duration, integer, map, number, object, oneOf, port, required, type Static, string } from '#api/schema.ts';

const stringMatch = object({ exact: string(), prefix: string(), regex: string() }, { atMostOneOf: [['exact', 'prefix', 'regex']] });

const destination = object({
  host: required(string({ format: 'host' })),
  subset: string(),
  port: object({ number: port() }),
});

const percent = object({ value: number({ minimum: 0, maximum: 100 }) });

const headerChanges = object({ set: map(string()), add: map(string()), remove: array(string()) });
const headers = object({ request: headerChanges, response: headerChanges });

const httpMatch = object({
  name: string(),
  uri: stringMatch,
  scheme: stringMatch,
  method: stringMatch,
  authority: stringMatch,
  headers: map(stringMatch),
  port: port(),
  sourceLabels: map(string()),
  gateways: array(string()),
  queryParams: map(stringMatch),
  ignoreUriCase: boolean(),
  withoutHeaders: map(stringMatch),
  sourceNamespace: string(),
  statPrefix: string(),
});

const httpDestination = object({ destination: required(destination), weight: integer({ minimum: 0 }), headers });

const redirect = object(
  {
    uri: string(),
    authority: string(),
    port: port(),
    derivePort: oneOf('FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT'),
    scheme: string(),
    redirectCode: integer({ minimum: 0 }),
    prefixRewrite: string(),
  },
  { atMostOneOf: [['port', 'derivePort']] },
);

const directResponse = object({
  status: required(integer({ minimum: 200, maximum: 599 })),
  body: object({ string: string(), bytes: string({ format: 'byte' }) }, { atMostOneOf: [['string', 'bytes']] }),
});

const faultDelay = object(
  { percent: integer({ minimum: 0, maximum: 100 }), fixedDelay: duration(), exponentialDelay: duration(), percentage: percent },
  { atMostOneOf: [['fixedDelay', 'exponentialDelay']] },
);
const faultAbort = object(
  { httpStatus: integer({ minimum: 200, maximum: 599 }), grpcStatus: string(), http2Error: string(), percentage: percent },
  { atMostOneOf: [['httpStatus', 'grpcStatus', 'http2Error']] },
);

export const httpRetries = object({
  attempts: integer({ minimum: 0 }),
  perTryTimeout: duration(),
  retryOn: string(),
  retryRemoteLocalities: boolean(),
  retryIgnorePreviousHosts: boolean(),
  backoff: duration(),
});

const corsPolicy = object({
  allowOrigin: array(string()),
  allowOrigins: array(stringMatch),
  allowMethods: array(string()),
  allowHeaders: array(string()),
  exposeHeaders: array(string()),
  maxAge: duration(),
  allowCredentials: boolean(),
  unmatchedPreflights: oneOf('UNSPECIFIED', 'FORWARD', 'IGNORE'),
});

const httpRoute = object({
  name: string(),
  match: array(httpMatch),
  route: array(httpDestination),
  redirect,
  directResponse,
  delegate: object({ name: string(), namespace: string() }),
  rewrite: object({ uri: string(), authority: string(), uriRegexRewrite: object({ match: string(), rewrite: string() }) }),
  timeout: duration(),
  retries: httpRetries,
  fault: object({ delay: faultDelay, abort: faultAbort }),
  mirror: destination,
  mirrors: array(object({ destination: required(destination), percentage: percent })),
  mirrorPercent: integer({ minimum: 0, maximum: 100 }),
  mirror_percent: integer({ minimum: 0, maximum: 100 }),
  mirrorPercentage: percent,
  corsPolicy,
  headers,
});

const routeDestination = object({ destination: required(destination), weight: integer({ minimum: 0 }) });

const tlsRoute = object({
  match: required(
    array(
      object({
        sniHosts: required(array(string())),
        destinationSubnets: array(string()),
        port: port(),
        sourceLabels: map(string()),
        gateways: array(string()),
        sourceNamespace: string(),
      }),
    ),
  ),
  route: array(routeDestination),
});

const tcpRoute = object({
  match: array(
    object({
      destinationSubnets: array(string()),
      port: port(),
      sourceLabels: map(string()),
      gateways: array(string()),
      sourceNamespace: string(),
      sourceSubnet: string(),
    }),
  ),
  route: array(routeDestination),
});

export const virtualServiceSpec = object({
  hosts: array(string({ format: 'host' })),
  gateways: array(string()),
  http: array(httpRoute),
  tls: array(tlsRoute),
  tcp: array(tcpRoute),
  exportTo: array(string()),
});

export type VirtualServiceSpec = Static<typeof virtualServiceSpec>;
export type HttpRetries = Static<typeof httpRetries>;
export type HttpRoute = Static<typeof httpRoute>;
export type HttpMatchRequest = Static<typeof httpMatch>;
export type StringMatch = Static<typeof stringMatch>;
export type Destination = Static<typeof destination>;
