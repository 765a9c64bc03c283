// What building a mesh remembers from one snapshot to the next. Pass one object to each build in turn; without it everything is made anew.
import type { AnyResource } from '#api/kinds.ts';
import { IdentityCache, PartsCache } from '#base/identity-cache.ts';
import type { AuthorizationPolicy } from '#model/authorization-policy.ts';
import { CredentialMemo } from '#model/build/credential.ts';
import type { Delegated } from '#model/build/delegate.ts';
import { BackendTlsMemo } from '#model/build/gateway-api/backend-tls.ts';
import { GatewayApiMemo } from '#model/build/gateway-api/gateway-api.ts';
import type { SettingsResult } from '#model/build/mesh-settings.ts';
import { HostHints } from '#model/build/references.ts';
import type { EntryService, ServiceRegistry } from '#model/build/service-parts.ts';
import type { BuiltTelemetry } from '#model/build/telemetry.ts';
import type { WrittenVirtualService } from '#model/build/virtual-service.ts';
import type { DestinationRule } from '#model/destination-rule.ts';
import type { EnvoyFilter } from '#model/envoy-filter.ts';
import type { Gateway } from '#model/gateway.ts';
import type { PeerAuthentication } from '#model/peer-authentication.ts';
import type { RateLimit } from '#model/rate-limit.ts';
import type { RequestAuthentication } from '#model/request-authentication.ts';
import type { Service } from '#model/service.ts';
import type { Sidecar } from '#model/sidecar.ts';
import type { VirtualService } from '#model/virtual-service.ts';
import type { Workload } from '#model/workload.ts';

/** Parts by the resources they were made of. A mesh's settings are among the inputs of each part that depends on them. */
export class BuildMemo {
  readonly settings = new IdentityCache<SettingsResult>();
  readonly workloads = new IdentityCache<Workload>();
  readonly workloadMaps = new PartsCache<ReadonlyMap<string, Workload>>();
  readonly serviceShapes = new IdentityCache<Omit<Service, 'endpoints'>>();
  readonly services = new PartsCache<Service>();
  readonly serviceEntries = new IdentityCache<readonly EntryService[]>();
  readonly registries = new PartsCache<ServiceRegistry>();
  readonly gateways = new IdentityCache<Gateway>();
  readonly ingressGateways = new IdentityCache<Gateway>();
  readonly ingressVirtualServices = new PartsCache<VirtualService>();
  readonly virtualServices = new IdentityCache<WrittenVirtualService>();
  readonly delegated = new IdentityCache<Delegated>();
  readonly discovered = new PartsCache<ReadonlyMap<string, AnyResource>>();
  readonly peerAuthentications = new IdentityCache<PeerAuthentication>();
  readonly rateLimits = new IdentityCache<RateLimit>();
  readonly telemetries = new IdentityCache<BuiltTelemetry>();
  readonly requestAuthentications = new IdentityCache<RequestAuthentication>();
  readonly authorizationPolicies = new IdentityCache<AuthorizationPolicy>();
  readonly envoyFilters = new IdentityCache<EnvoyFilter>();
  readonly destinationRules = new IdentityCache<DestinationRule>();
  readonly gatewayApi = new GatewayApiMemo();
  readonly backendTls = new BackendTlsMemo();
  readonly hostHints = new HostHints();
  readonly credentials = new CredentialMemo();
  readonly sidecars = new IdentityCache<Sidecar>();
}
