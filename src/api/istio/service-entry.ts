// networking.istio.io ServiceEntry, whole: https://istio.io/latest/docs/reference/config/networking/service-entry/
import { array, integer, map, object, oneOf, port, required, type Static, string } from '#api/schema.ts';

const endpoint = object({
  address: string(),
  ports: map(port()),
  labels: map(string()),
  network: string(),
  locality: string(),
  weight: integer({ minimum: 0 }),
  serviceAccount: string(),
});

export const serviceEntrySpec = object(
  {
    hosts: required(array(string({ format: 'host' }), { minItems: 1, maxItems: 256 })),
    addresses: array(string(), { maxItems: 256 }),
    ports: array(object({ number: required(port()), protocol: string(), name: required(string()), targetPort: port() }), { maxItems: 256 }),
    location: oneOf('MESH_EXTERNAL', 'MESH_INTERNAL'),
    resolution: oneOf('NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS'),
    endpoints: array(endpoint, { maxItems: 4096 }),
    workloadSelector: object({ labels: map(string()) }),
    exportTo: array(string()),
    subjectAltNames: array(string()),
  },
  { atMostOneOf: [['endpoints', 'workloadSelector']] },
);

export type ServiceEntrySpec = Static<typeof serviceEntrySpec>;
