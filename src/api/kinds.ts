// Every kind that Heddle reads, one line each: where it belongs, what it is called, and the schema of its body. A new kind is a new line here
// (and its schema in a file of its own); its TypeScript type, validation and place in the snapshot follow from the line. A kind's key is its name,
// unless another API group has a kind of that name: Istio's `Gateway` and the Gateway API's `KubernetesGateway`, whose `kind` is Gateway, too.
import { backendTlsPolicySpec } from '#api/gateway-api/backend-tls-policy.ts';
import { tcpRouteSpec, tlsRouteSpec } from '#api/gateway-api/connection-routes.ts';
import { gatewayClassSpec, gatewaySpec as kubernetesGatewaySpec, listenerSetSpec } from '#api/gateway-api/gateway.ts';
import { grpcRouteSpec } from '#api/gateway-api/grpc-route.ts';
import { httpRouteSpec } from '#api/gateway-api/http-route.ts';
import { referenceGrantSpec } from '#api/gateway-api/reference-grant.ts';
import { rateLimitSpec } from '#api/heddle/rate-limit.ts';
import { authorizationPolicySpec } from '#api/istio/authorization-policy.ts';
import { destinationRuleSpec } from '#api/istio/destination-rule.ts';
import { envoyFilterSpec } from '#api/istio/envoy-filter.ts';
import { gatewaySpec } from '#api/istio/gateway.ts';
import { peerAuthenticationSpec } from '#api/istio/peer-authentication.ts';
import { proxyConfigSpec } from '#api/istio/proxy-config.ts';
import { requestAuthenticationSpec } from '#api/istio/request-authentication.ts';
import { serviceEntrySpec, serviceEntryStatus } from '#api/istio/service-entry.ts';
import { sidecarSpec } from '#api/istio/sidecar.ts';
import { telemetrySpec } from '#api/istio/telemetry.ts';
import { virtualServiceSpec } from '#api/istio/virtual-service.ts';
import { workloadEntrySpec, workloadEntryStatus } from '#api/istio/workload-entry.ts';
import { workloadGroupSpec } from '#api/istio/workload-group.ts';
import { configMap, credentialKeys, namespace, node, secret, serviceAccount } from '#api/kubernetes/core.ts';
import { endpointSlice } from '#api/kubernetes/endpoint-slice.ts';
import { ingress, ingressClass } from '#api/kubernetes/ingress.ts';
import { pod } from '#api/kubernetes/pod.ts';
import { service } from '#api/kubernetes/service.ts';
import { daemonSet, deployment, job, replicaSet, statefulSet } from '#api/kubernetes/workloads.ts';
import type { Resource } from '#api/resource.ts';
import { anything, object, required, type Schema, type Static } from '#api/schema.ts';

export type KindDefinition = {
  /** As users write it. */
  readonly kind: string;
  /** '' for the core group. */
  readonly group: string;
  /** Newest first. All versions share one schema. */
  readonly versions: readonly string[];
  readonly plural: string;
  readonly scope: 'namespaced' | 'cluster';
  /** How strictly unknown fields are judged: see `api/validate.ts`. */
  readonly family: 'heddle' | 'istio' | 'gateway-api' | 'kubernetes';
  /** Maps of which only the keys are kept: nothing reads the values, and what is not there cannot leak. */
  readonly hiddenFields?: readonly string[];
  /** Keys of those maps whose text is kept, as SecretText. */
  readonly revealedKeys?: readonly string[];
  /** Schema of the resource without apiVersion, kind and metadata. */
  readonly body: Schema;
};

const istio = ['v1', 'v1beta1', 'v1alpha3'] as const;

const istioSecurity = ['v1', 'v1beta1'] as const;

const gatewayApi = 'gateway.networking.k8s.io';

function istioBody<Spec>(spec: Schema<Spec>) {
  return object({ spec: required(spec), status: anything() });
}

export const kinds = {
  // biome-ignore format: one kind a line
  VirtualService: { kind: 'VirtualService', group: 'networking.istio.io', versions: istio, plural: 'virtualservices', scope: 'namespaced', family: 'istio', body: istioBody(virtualServiceSpec) },
  // biome-ignore format: one kind a line
  DestinationRule: { kind: 'DestinationRule', group: 'networking.istio.io', versions: istio, plural: 'destinationrules', scope: 'namespaced', family: 'istio', body: istioBody(destinationRuleSpec) },
  // biome-ignore format: one kind a line
  Gateway: { kind: 'Gateway', group: 'networking.istio.io', versions: istio, plural: 'gateways', scope: 'namespaced', family: 'istio', body: istioBody(gatewaySpec) },
  // biome-ignore format: one kind a line
  ServiceEntry: { kind: 'ServiceEntry', group: 'networking.istio.io', versions: istio, plural: 'serviceentries', scope: 'namespaced', family: 'istio', body: object({ spec: required(serviceEntrySpec), status: serviceEntryStatus }) },
  // biome-ignore format: one kind a line
  WorkloadEntry: { kind: 'WorkloadEntry', group: 'networking.istio.io', versions: istio, plural: 'workloadentries', scope: 'namespaced', family: 'istio', body: object({ spec: required(workloadEntrySpec), status: workloadEntryStatus }) },
  // biome-ignore format: one kind a line
  WorkloadGroup: { kind: 'WorkloadGroup', group: 'networking.istio.io', versions: istio, plural: 'workloadgroups', scope: 'namespaced', family: 'istio', body: istioBody(workloadGroupSpec) },
  Sidecar: {
    kind: 'Sidecar',
    group: 'networking.istio.io',
    versions: istio,
    plural: 'sidecars',
    scope: 'namespaced',
    family: 'istio',
    body: istioBody(sidecarSpec),
  },
  // biome-ignore format: one kind a line
  GatewayClass: { kind: 'GatewayClass', group: gatewayApi, versions: ['v1', 'v1beta1'], plural: 'gatewayclasses', scope: 'cluster', family: 'gateway-api', body: istioBody(gatewayClassSpec) },
  // biome-ignore format: one kind a line
  KubernetesGateway: { kind: 'Gateway', group: gatewayApi, versions: ['v1', 'v1beta1'], plural: 'gateways', scope: 'namespaced', family: 'gateway-api', body: istioBody(kubernetesGatewaySpec) },
  // biome-ignore format: one kind a line
  ListenerSet: { kind: 'ListenerSet', group: gatewayApi, versions: ['v1'], plural: 'listenersets', scope: 'namespaced', family: 'gateway-api', body: istioBody(listenerSetSpec) },
  // biome-ignore format: one kind a line
  HTTPRoute: { kind: 'HTTPRoute', group: gatewayApi, versions: ['v1', 'v1beta1'], plural: 'httproutes', scope: 'namespaced', family: 'gateway-api', body: istioBody(httpRouteSpec) },
  // biome-ignore format: one kind a line
  GRPCRoute: { kind: 'GRPCRoute', group: gatewayApi, versions: ['v1', 'v1alpha2'], plural: 'grpcroutes', scope: 'namespaced', family: 'gateway-api', body: istioBody(grpcRouteSpec) },
  // biome-ignore format: one kind a line
  TLSRoute: { kind: 'TLSRoute', group: gatewayApi, versions: ['v1', 'v1alpha3', 'v1alpha2'], plural: 'tlsroutes', scope: 'namespaced', family: 'gateway-api', body: istioBody(tlsRouteSpec) },
  // biome-ignore format: one kind a line
  TCPRoute: { kind: 'TCPRoute', group: gatewayApi, versions: ['v1', 'v1alpha2'], plural: 'tcproutes', scope: 'namespaced', family: 'gateway-api', body: istioBody(tcpRouteSpec) },
  // biome-ignore format: one kind a line
  ReferenceGrant: { kind: 'ReferenceGrant', group: gatewayApi, versions: ['v1', 'v1beta1'], plural: 'referencegrants', scope: 'namespaced', family: 'gateway-api', body: istioBody(referenceGrantSpec) },
  // biome-ignore format: one kind a line
  BackendTLSPolicy: { kind: 'BackendTLSPolicy', group: gatewayApi, versions: ['v1', 'v1alpha3'], plural: 'backendtlspolicies', scope: 'namespaced', family: 'gateway-api', body: istioBody(backendTlsPolicySpec) },
  // biome-ignore format: one kind a line
  EnvoyFilter: { kind: 'EnvoyFilter', group: 'networking.istio.io', versions: ['v1alpha3'], plural: 'envoyfilters', scope: 'namespaced', family: 'istio', body: istioBody(envoyFilterSpec) },
  // biome-ignore format: one kind a line
  ProxyConfig: { kind: 'ProxyConfig', group: 'networking.istio.io', versions: ['v1beta1'], plural: 'proxyconfigs', scope: 'namespaced', family: 'istio', body: istioBody(proxyConfigSpec) },
  // biome-ignore format: one kind a line
  PeerAuthentication: { kind: 'PeerAuthentication', group: 'security.istio.io', versions: istioSecurity, plural: 'peerauthentications', scope: 'namespaced', family: 'istio', body: istioBody(peerAuthenticationSpec) },
  // biome-ignore format: one kind a line
  RequestAuthentication: { kind: 'RequestAuthentication', group: 'security.istio.io', versions: istioSecurity, plural: 'requestauthentications', scope: 'namespaced', family: 'istio', body: istioBody(requestAuthenticationSpec) },
  // biome-ignore format: one kind a line
  AuthorizationPolicy: { kind: 'AuthorizationPolicy', group: 'security.istio.io', versions: istioSecurity, plural: 'authorizationpolicies', scope: 'namespaced', family: 'istio', body: istioBody(authorizationPolicySpec) },
  // biome-ignore format: one kind a line
  Telemetry: { kind: 'Telemetry', group: 'telemetry.istio.io', versions: ['v1', 'v1alpha1'], plural: 'telemetries', scope: 'namespaced', family: 'istio', body: istioBody(telemetrySpec) },
  // biome-ignore format: one kind a line
  RateLimit: { kind: 'RateLimit', group: 'heddle.dev', versions: ['v1alpha1'], plural: 'ratelimits', scope: 'namespaced', family: 'heddle', body: istioBody(rateLimitSpec) },
  Service: { kind: 'Service', group: '', versions: ['v1'], plural: 'services', scope: 'namespaced', family: 'kubernetes', body: service },
  // biome-ignore format: one kind a line
  EndpointSlice: { kind: 'EndpointSlice', group: 'discovery.k8s.io', versions: ['v1'], plural: 'endpointslices', scope: 'namespaced', family: 'kubernetes', body: endpointSlice },
  // biome-ignore format: one kind a line
  Ingress: { kind: 'Ingress', group: 'networking.k8s.io', versions: ['v1'], plural: 'ingresses', scope: 'namespaced', family: 'kubernetes', body: ingress },
  // biome-ignore format: one kind a line
  IngressClass: { kind: 'IngressClass', group: 'networking.k8s.io', versions: ['v1'], plural: 'ingressclasses', scope: 'cluster', family: 'kubernetes', body: ingressClass },
  Pod: { kind: 'Pod', group: '', versions: ['v1'], plural: 'pods', scope: 'namespaced', family: 'kubernetes', body: pod },
  Namespace: { kind: 'Namespace', group: '', versions: ['v1'], plural: 'namespaces', scope: 'cluster', family: 'kubernetes', body: namespace },
  Node: { kind: 'Node', group: '', versions: ['v1'], plural: 'nodes', scope: 'cluster', family: 'kubernetes', body: node },
  // biome-ignore format: one kind a line
  Deployment: { kind: 'Deployment', group: 'apps', versions: ['v1'], plural: 'deployments', scope: 'namespaced', family: 'kubernetes', body: deployment },
  // biome-ignore format: one kind a line
  ReplicaSet: { kind: 'ReplicaSet', group: 'apps', versions: ['v1'], plural: 'replicasets', scope: 'namespaced', family: 'kubernetes', body: replicaSet },
  // biome-ignore format: one kind a line
  StatefulSet: { kind: 'StatefulSet', group: 'apps', versions: ['v1'], plural: 'statefulsets', scope: 'namespaced', family: 'kubernetes', body: statefulSet },
  // biome-ignore format: one kind a line
  DaemonSet: { kind: 'DaemonSet', group: 'apps', versions: ['v1'], plural: 'daemonsets', scope: 'namespaced', family: 'kubernetes', body: daemonSet },
  Job: { kind: 'Job', group: 'batch', versions: ['v1'], plural: 'jobs', scope: 'namespaced', family: 'kubernetes', body: job },
  // biome-ignore format: one kind a line
  ConfigMap: { kind: 'ConfigMap', group: '', versions: ['v1'], plural: 'configmaps', scope: 'namespaced', family: 'kubernetes', body: configMap },
  // biome-ignore format: one kind a line
  Secret: { kind: 'Secret', group: '', versions: ['v1'], plural: 'secrets', scope: 'namespaced', family: 'kubernetes', hiddenFields: ['data', 'stringData'], revealedKeys: credentialKeys, body: secret },
  // biome-ignore format: one kind a line
  ServiceAccount: { kind: 'ServiceAccount', group: '', versions: ['v1'], plural: 'serviceaccounts', scope: 'namespaced', family: 'kubernetes', body: serviceAccount },
} as const satisfies Readonly<Record<string, KindDefinition>>;

export type KindName = keyof typeof kinds;

/** The resource type of each kind. Its `kind` is the key; `kinds[key].kind` is what the user wrote. */
export type KindMap = { readonly [Kind in KindName]: Resource<Kind, Static<(typeof kinds)[Kind]['body']>> };

/** Any resource of a kind that Heddle reads. */
export type AnyResource = KindMap[KindName];

/** All resources of one moment: every kind is present, possibly empty; keys as `resourceKey()` makes them. */
export type ResourcesByKind = { readonly [Kind in KindName]: ReadonlyMap<string, KindMap[Kind]> };

/** The kinds' names, in the order of the list. */
export function kindNames(): readonly KindName[] {
  // The keys of the literal above; Object.keys only knows them as strings.
  return Object.keys(kinds) as KindName[];
}
