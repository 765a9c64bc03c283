// networking.istio.io Sidecar, whole: https://istio.io/latest/docs/reference/config/networking/sidecar/
import { connectionPool } from '#api/istio/destination-rule.ts';
import { serverTls } from '#api/istio/gateway.ts';
import { array, integer, map, object, oneOf, port, required, type Static, string } from '#api/schema.ts';

/** `number` is 0 where the listener is a Unix socket. */
const sidecarPort = object({ number: integer({ minimum: 0, maximum: 65535 }), protocol: string(), name: string(), targetPort: port() });

const captureMode = oneOf('DEFAULT', 'IPTABLES', 'NONE');

const ingress = object({
  port: required(sidecarPort),
  bind: string(),
  captureMode,
  defaultEndpoint: string(),
  tls: serverTls,
  connectionPool,
});

const egress = object({ port: sidecarPort, bind: string(), captureMode, hosts: required(array(string())) });

export const sidecarSpec = object({
  workloadSelector: object({ labels: map(string()) }),
  ingress: array(ingress, { minItems: 1 }),
  egress: array(egress, { minItems: 1 }),
  inboundConnectionPool: connectionPool,
  outboundTrafficPolicy: object({
    mode: oneOf('REGISTRY_ONLY', 'ALLOW_ANY', 'ALLOW_ANY_DYNAMIC_DNS'),
    egressProxy: object({ host: required(string()), subset: string(), port: object({ number: port() }) }),
  }),
});

export type SidecarSpec = Static<typeof sidecarSpec>;
