// The rules beyond the schema, by kind: what the webhooks of a cluster would refuse.
import type { Finding } from '#api/finding.ts';
import { checkBackendTlsPolicy } from '#api/gateway-api/backend-tls-rules.ts';
import { checkGatewayClass, checkKubernetesGateway, checkListenerSet } from '#api/gateway-api/gateway-rules.ts';
import { checkConnectionRoute, checkGrpcRoute, checkHttpRoute } from '#api/gateway-api/route-rules.ts';
import { checkRateLimit } from '#api/heddle/rate-limit-rules.ts';
import { checkAuthorizationPolicy } from '#api/istio/authorization-policy-rules.ts';
import { checkDestinationRule } from '#api/istio/destination-rule-rules.ts';
import { checkEnvoyFilter } from '#api/istio/envoy-filter-rules.ts';
import { checkGateway } from '#api/istio/gateway-rules.ts';
import { checkPeerAuthentication } from '#api/istio/peer-authentication-rules.ts';
import { checkRequestAuthentication } from '#api/istio/request-authentication-rules.ts';
import { checkServiceEntry } from '#api/istio/service-entry-rules.ts';
import { checkSidecar } from '#api/istio/sidecar-rules.ts';
import { checkVirtualService } from '#api/istio/virtual-service-rules.ts';
import { checkWorkloadEntry, checkWorkloadGroup } from '#api/istio/workload-entry-rules.ts';
import type { KindName, kinds } from '#api/kinds.ts';
import { checkIngress } from '#api/kubernetes/ingress-rules.ts';
import type { Static } from '#api/schema.ts';

type Rules = { readonly [Kind in KindName]?: (body: Static<(typeof kinds)[Kind]['body']>) => readonly Finding[] };

const rules: Rules = {
  VirtualService: checkVirtualService,
  DestinationRule: checkDestinationRule,
  EnvoyFilter: checkEnvoyFilter,
  RateLimit: checkRateLimit,
  AuthorizationPolicy: checkAuthorizationPolicy,
  RequestAuthentication: checkRequestAuthentication,
  Gateway: checkGateway,
  Ingress: checkIngress,
  PeerAuthentication: checkPeerAuthentication,
  Sidecar: checkSidecar,
  ServiceEntry: checkServiceEntry,
  WorkloadEntry: checkWorkloadEntry,
  WorkloadGroup: checkWorkloadGroup,
  GatewayClass: checkGatewayClass,
  KubernetesGateway: checkKubernetesGateway,
  ListenerSet: checkListenerSet,
  BackendTLSPolicy: checkBackendTlsPolicy,
  HTTPRoute: checkHttpRoute,
  GRPCRoute: checkGrpcRoute,
  TLSRoute: checkConnectionRoute,
  TCPRoute: checkConnectionRoute,
};

/** Findings about a `body` that fits the schema of its kind. */
export function kindRules(kind: KindName, body: unknown): readonly Finding[] {
  // The caller validated the body against this kind's schema, which is what the rules take.
  const check = rules[kind] as ((body: unknown) => readonly Finding[]) | undefined;
  return check?.(body) ?? [];
}
