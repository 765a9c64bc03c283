// networking.istio.io ServiceEntry, whole: https://istio.io/latest/docs/reference/config/networking/service-entry/
import { workloadEntrySpec } from '#api/istio/workload-entry.ts';
import { anything, array, map, object, oneOf, port, required, type Static, string } from '#api/schema.ts';

export const serviceEntrySpec = object(
  {
    hosts: required(array(string({ format: 'host' }), { minItems: 1, maxItems: 256 })),
    addresses: array(string(), { maxItems: 256 }),
    ports: array(object({ number: required(port()), protocol: string(), name: required(string()), targetPort: port() }), { maxItems: 256 }),
    location: oneOf('MESH_EXTERNAL', 'MESH_INTERNAL'),
    resolution: oneOf('NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS'),
    endpoints: array(workloadEntrySpec, { maxItems: 4096 }),
    workloadSelector: object({ labels: map(string()) }),
    exportTo: array(string()),
    subjectAltNames: array(string()),
  },
  { atMostOneOf: [['endpoints', 'workloadSelector']] },
);

/** Written by a cluster; `addresses` are the ones that its allocator gave to hosts without any. */
export const serviceEntryStatus = object({
  conditions: anything(),
  validationMessages: anything(),
  observedGeneration: anything(),
  addresses: array(object({ value: string(), host: string() })),
});

export type ServiceEntrySpec = Static<typeof serviceEntrySpec>;
