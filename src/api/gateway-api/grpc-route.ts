// gateway.networking.k8s.io GRPCRoute, whole: https://gateway-api.sigs.k8s.io/reference/spec/#grpcroute (v1).
import { grpcFilter } from '#api/gateway-api/filters.ts';
import { sessionPersistence } from '#api/gateway-api/http-route.ts';
import { parentReference, weightedBackendFields } from '#api/gateway-api/references.ts';
import { array, object, oneOf, required, type Static, string } from '#api/schema.ts';

const match = object({
  method: object({ type: oneOf('Exact', 'RegularExpression'), service: string(), method: string() }),
  headers: array(
    object({ type: oneOf('Exact', 'RegularExpression'), name: required(string({ minLength: 1 })), value: required(string({ minLength: 1 })) }),
    { maxItems: 16 },
  ),
});

const rule = object({
  name: string({ format: 'dns-subdomain' }),
  matches: array(match, { maxItems: 64 }),
  filters: array(grpcFilter, { maxItems: 16 }),
  backendRefs: array(object({ ...weightedBackendFields, filters: array(grpcFilter, { maxItems: 16 }) }), { maxItems: 16 }),
  sessionPersistence,
});

export const grpcRouteSpec = object({
  parentRefs: array(parentReference, { maxItems: 32 }),
  useDefaultGateways: oneOf('All', 'None'),
  hostnames: array(string({ minLength: 1, format: 'gateway-host' }), { maxItems: 16 }),
  rules: array(rule, { minItems: 1, maxItems: 16 }),
});

export type GrpcRouteSpec = Static<typeof grpcRouteSpec>;
export type GrpcRouteRule = Static<typeof rule>;
export type GrpcRouteMatch = Static<typeof match>;
