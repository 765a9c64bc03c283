// gateway.networking.k8s.io TLSRoute and TCPRoute, whole: https://gateway-api.sigs.k8s.io/reference/spec/.
import { parentReference, weightedBackend } from '#api/gateway-api/references.ts';
import { array, object, oneOf, required, type Static, string } from '#api/schema.ts';

const rule = object({ name: string({ format: 'dns-subdomain' }), backendRefs: array(weightedBackend, { minItems: 1, maxItems: 16 }) });

const common = {
  parentRefs: array(parentReference, { maxItems: 32 }),
  useDefaultGateways: oneOf('All', 'None'),
  rules: required(array(rule, { minItems: 1, maxItems: 16 })),
};

export const tlsRouteSpec = object({ ...common, hostnames: array(string({ minLength: 1, format: 'gateway-host' }), { maxItems: 16 }) });
export const tcpRouteSpec = object(common);

export type TlsRouteSpec = Static<typeof tlsRouteSpec>;
export type TcpRouteSpec = Static<typeof tcpRouteSpec>;
