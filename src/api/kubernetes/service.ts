// v1 Service, whole: https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/
import { anything, array, boolean, integer, integerOrString, map, object, oneOf, port, required, type Static, string } from '#api/schema.ts';

const servicePort = object({
  name: string({ format: 'dns-label' }),
  protocol: oneOf('TCP', 'UDP', 'SCTP'),
  appProtocol: string(),
  port: required(port()),
  targetPort: integerOrString(),
  nodePort: integer({ minimum: 0, maximum: 65535 }),
});

export const serviceSpec = object({
  type: oneOf('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'),
  selector: map(string()),
  ports: array(servicePort),
  clusterIP: string(),
  clusterIPs: array(string()),
  externalIPs: array(string()),
  sessionAffinity: oneOf('ClientIP', 'None'),
  loadBalancerIP: string(),
  loadBalancerSourceRanges: array(string()),
  externalName: string(),
  externalTrafficPolicy: oneOf('Cluster', 'Local'),
  healthCheckNodePort: integer({ minimum: 0, maximum: 65535 }),
  publishNotReadyAddresses: boolean(),
  sessionAffinityConfig: object({ clientIP: object({ timeoutSeconds: integer({ minimum: 1, maximum: 86400 }) }) }),
  ipFamilies: array(oneOf('IPv4', 'IPv6')),
  ipFamilyPolicy: oneOf('SingleStack', 'PreferDualStack', 'RequireDualStack'),
  allocateLoadBalancerNodePorts: boolean(),
  loadBalancerClass: string(),
  internalTrafficPolicy: oneOf('Cluster', 'Local'),
  trafficDistribution: string(),
});

export const service = object({ spec: required(serviceSpec), status: anything() });

export type ServiceSpec = Static<typeof serviceSpec>;
export type ServicePortSpec = Static<typeof servicePort>;
