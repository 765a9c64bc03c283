// discovery.k8s.io/v1 EndpointSlice, whole: https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/
import { objectReference } from '#api/kubernetes/meta.ts';
import { array, boolean, map, object, oneOf, port, required, type Static, string } from '#api/schema.ts';

const endpoint = object({
  addresses: required(array(string(), { minItems: 1 })),
  conditions: object({ ready: boolean(), serving: boolean(), terminating: boolean() }),
  hostname: string(),
  targetRef: objectReference,
  deprecatedTopology: map(string()),
  nodeName: string(),
  zone: string(),
  hints: object({ forZones: array(object({ name: required(string()) })), forNodes: array(object({ name: required(string()) })) }),
});

export const endpointSlice = object({
  // A cluster demands it; in files it is often left out, and tells nothing that the addresses do not.
  addressType: oneOf('IPv4', 'IPv6', 'FQDN'),
  endpoints: array(endpoint),
  ports: array(object({ name: string(), protocol: oneOf('TCP', 'UDP', 'SCTP'), port: port(), appProtocol: string() })),
});

export type EndpointSliceBody = Static<typeof endpointSlice>;
