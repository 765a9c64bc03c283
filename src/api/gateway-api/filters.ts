// Filters of HTTPRoute and GRPCRoute: what is done to a request on its way. Source: https://gateway-api.sigs.k8s.io/reference/spec/ (v1).
import { backendReference, localReference } from '#api/gateway-api/references.ts';
import { array, boolean, integer, number, object, oneOf, port, required, type Static, string } from '#api/schema.ts';

const header = object({ name: required(string({ minLength: 1 })), value: required(string({ minLength: 1 })) });

const headerModifier = object({
  set: array(header, { maxItems: 16 }),
  add: array(header, { maxItems: 16 }),
  remove: array(string(), { maxItems: 16 }),
});

const pathModifier = object({
  type: required(oneOf('ReplaceFullPath', 'ReplacePrefixMatch')),
  replaceFullPath: string(),
  replacePrefixMatch: string(),
});

const requestRedirect = object({
  scheme: oneOf('http', 'https'),
  hostname: string({ minLength: 1, format: 'gateway-host' }),
  path: pathModifier,
  port: port(),
  statusCode: integer({ minimum: 300, maximum: 399 }),
});

const requestMirror = object({
  backendRef: required(backendReference),
  percent: integer({ minimum: 0, maximum: 100 }),
  fraction: object({ numerator: required(integer({ minimum: 0 })), denominator: integer({ minimum: 1 }) }),
});

const cors = object({
  allowOrigins: array(string(), { maxItems: 64 }),
  allowCredentials: boolean(),
  allowMethods: array(string(), { maxItems: 9 }),
  allowHeaders: array(string(), { maxItems: 64 }),
  exposeHeaders: array(string(), { maxItems: 64 }),
  maxAge: integer({ minimum: 1 }),
});

const externalAuth = object({
  protocol: required(oneOf('HTTP', 'GRPC')),
  backendRef: required(backendReference),
  grpc: object({ allowedHeaders: array(string(), { maxItems: 64 }) }),
  http: object({ path: string(), allowedHeaders: array(string(), { maxItems: 64 }), allowedResponseHeaders: array(string(), { maxItems: 64 }) }),
  forwardBody: object({ maxSize: number() }),
});

export const httpFilter = object({
  type: required(
    oneOf(
      'RequestHeaderModifier',
      'ResponseHeaderModifier',
      'RequestMirror',
      'RequestRedirect',
      'URLRewrite',
      'CORS',
      'ExternalAuth',
      'ExtensionRef',
    ),
  ),
  requestHeaderModifier: headerModifier,
  responseHeaderModifier: headerModifier,
  requestMirror,
  requestRedirect,
  urlRewrite: object({ hostname: string({ minLength: 1, format: 'gateway-host' }), path: pathModifier }),
  cors,
  externalAuth,
  extensionRef: localReference,
});

export const grpcFilter = object({
  type: required(oneOf('RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestMirror', 'ExtensionRef')),
  requestHeaderModifier: headerModifier,
  responseHeaderModifier: headerModifier,
  requestMirror,
  extensionRef: localReference,
});

export type HttpFilter = Static<typeof httpFilter>;
export type GrpcFilter = Static<typeof grpcFilter>;
export type HeaderModifier = Static<typeof headerModifier>;
export type PathModifier = Static<typeof pathModifier>;
export type RequestMirror = Static<typeof requestMirror>;
export type RequestRedirect = Static<typeof requestRedirect>;
export type CorsFilter = Static<typeof cors>;
