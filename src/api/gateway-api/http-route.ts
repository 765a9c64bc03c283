// gateway.networking.k8s.io HTTPRoute, whole: https://gateway-api.sigs.k8s.io/reference/spec/#httproute (v1).
import { httpFilter } from '#api/gateway-api/filters.ts';
import { parentReference, weightedBackendFields } from '#api/gateway-api/references.ts';
import { array, integer, object, oneOf, required, type Static, string } from '#api/schema.ts';

const namedMatch = object({
  type: oneOf('Exact', 'RegularExpression'),
  name: required(string({ minLength: 1 })),
  value: required(string({ minLength: 1 })),
});

const match = object({
  path: object({ type: oneOf('Exact', 'PathPrefix', 'RegularExpression'), value: string() }),
  headers: array(namedMatch, { maxItems: 16 }),
  queryParams: array(namedMatch, { maxItems: 16 }),
  method: oneOf('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'),
});

/** A duration of GEP-2257: `10s`, `1h30m`, `250ms`; `0s` switches a timeout off. */
const duration = string({ format: 'protobuf-duration-or-zero' });

export const sessionPersistence = object({
  sessionName: string(),
  absoluteTimeout: duration,
  idleTimeout: duration,
  type: oneOf('Cookie', 'Header'),
  cookieConfig: object({ lifetimeType: oneOf('Permanent', 'Session') }),
});

const rule = object({
  name: string({ format: 'dns-subdomain' }),
  matches: array(match, { maxItems: 64 }),
  filters: array(httpFilter, { maxItems: 16 }),
  backendRefs: array(object({ ...weightedBackendFields, filters: array(httpFilter, { maxItems: 16 }) }), { maxItems: 16 }),
  timeouts: object({ request: duration, backendRequest: duration }),
  retry: object({ codes: array(integer({ minimum: 400, maximum: 599 })), attempts: integer(), backoff: duration }),
  sessionPersistence,
});

export const httpRouteSpec = object({
  parentRefs: array(parentReference, { maxItems: 32 }),
  useDefaultGateways: oneOf('All', 'None'),
  hostnames: array(string({ minLength: 1, format: 'gateway-host' }), { maxItems: 16 }),
  rules: array(rule, { minItems: 1, maxItems: 16 }),
});

export type HttpRouteSpec = Static<typeof httpRouteSpec>;
export type HttpRouteRule = Static<typeof rule>;
export type HttpRouteMatch = Static<typeof match>;
