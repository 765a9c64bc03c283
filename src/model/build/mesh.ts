// In: a snapshot of what users wrote. Out: the mesh. With the memo of the last build, parts made of unchanged resources are the same
// objects as before.
import type { ResourcesByKind } from '#api/kinds.ts';
import { compareDiagnostics } from '#base/diagnostic.ts';
import { authorizationDiagnostics } from '#model/build/authorization-findings.ts';
import { buildAuthorizationPolicy, dryRunDiagnostics } from '#model/build/authorization-policy.ts';
import { BuildMemo } from '#model/build/build-memo.ts';
import { claimRoutingDiagnostics } from '#model/build/claim-routing-findings.ts';
import { buildCredentials } from '#model/build/credential.ts';
import { buildDestinationRule } from '#model/build/destination-rule.ts';
import { destinationRuleDiagnostics } from '#model/build/destination-rule-findings.ts';
import { discoveredResources } from '#model/build/discovery.ts';
import { buildEnvoyFilter, ineffectivePatches } from '#model/build/envoy-filter.ts';
import { buildGateway } from '#model/build/gateway.ts';
import { buildBackendTls } from '#model/build/gateway-api/backend-tls.ts';
import { buildGatewayApi } from '#model/build/gateway-api/gateway-api.ts';
import { gatewayFindings } from '#model/build/gateway-findings.ts';
import { annotationDiagnostics } from '#model/build/gateway-topology.ts';
import { buildIngresses } from '#model/build/ingress.ts';
import { readMeshSettings, type SettingsResult, systemNamespace } from '#model/build/mesh-settings.ts';
import { mtlsConflicts } from '#model/build/mtls-conflicts.ts';
import { networkGateways } from '#model/build/network-gateways.ts';
import { inNetworks, settingsWithNetwork, unreachableEntries } from '#model/build/network-workloads.ts';
import { buildPeerAuthentication, peerAuthenticationDiagnostics } from '#model/build/peer-authentication.ts';
import { inOrderOfAge, inOrderOfPrecedence } from '#model/build/precedence.ts';
import { buildRateLimit } from '#model/build/rate-limit.ts';
import { referenceDiagnostics } from '#model/build/references.ts';
import { buildRequestAuthentication } from '#model/build/request-authentication.ts';
import { requestAuthenticationDiagnostics } from '#model/build/request-authentication-findings.ts';
import { buildServiceRegistry } from '#model/build/service-registry.ts';
import { buildSidecar, sidecarDiagnostics } from '#model/build/sidecar.ts';
import { buildTelemetry } from '#model/build/telemetry.ts';
import { unnamedServers } from '#model/build/unnamed-servers.ts';
import { virtualServiceDiagnostics } from '#model/build/virtual-service-findings.ts';
import { buildVirtualServices } from '#model/build/virtual-services.ts';
import { buildWorkloads } from '#model/build/workload.ts';
import { buildWorkloadEntries } from '#model/build/workload-entry.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Snapshot } from '#sources/snapshot.ts';

/** The mesh's diagnostics are about what resources say to each other; those of the snapshot itself are not repeated. */
export function buildMesh({ resources: all }: Pick<Snapshot, 'resources'>, memo: BuildMemo = new BuildMemo()): Mesh {
  const { settings, diagnostics } = meshSettings(all, memo);
  const resources = discoveredResources(all, settings, memo);
  const workloads = {
    workloads: inNetworks('pods', buildWorkloads(resources, memo), settings, memo),
    workloadEntries: inNetworks('workload entries', buildWorkloadEntries(resources, memo), settings, memo),
  };
  const { diagnostics: ofServices, ...services } = buildServiceRegistry(resources, workloads, settings, memo);
  const { networks, diagnostics: ofNetworks } = networkGateways({ resources, services: services.services, plan: settings.networkPlan });
  const credentials = buildCredentials(resources, memo.credentials);
  const ofRoutes = buildVirtualServices(resources, settings, memo);
  const ingresses = buildIngresses(resources, settings, memo);
  const gatewayApi = buildGatewayApi(resources, services.services, credentials.credentials, settings, memo.gatewayApi);
  const referents = () => memo.gatewayApi.references.of(resources, credentials.credentials);
  const backendTls = buildBackendTls({ resources, referents, settings }, memo.backendTls);
  const telemetries = inOrderOfPrecedence(resources.Telemetry.values()).map((resource) =>
    memo.telemetries.get([resource, settings], '', () => buildTelemetry(resource)),
  );
  const parts = {
    settings,
    ...workloads,
    ...services,
    ...(networks !== undefined && { networks }),
    gateways: inOrderOfPrecedence([...resources.Gateway.values(), ...ingresses.gateways, ...gatewayApi.gateways]).map((one) =>
      'gateway' in one ? one.gateway : memo.gateways.get([one], '', () => buildGateway(one)),
    ),
    virtualServices: inOrderOfAge(ofRoutes.virtualServices, ingresses.virtualServices, gatewayApi.virtualServices),
    gatewayApi: [...gatewayApi.statuses, ...backendTls.statuses],
    rateLimits: inOrderOfPrecedence(resources.RateLimit.values()).map((resource) =>
      memo.rateLimits.get([resource], '', () => buildRateLimit(resource)),
    ),
    ...(telemetries.length > 0 && { telemetries: telemetries.map(({ telemetry }) => telemetry) }),
    peerAuthentications: inOrderOfPrecedence(resources.PeerAuthentication.values()).map((resource) =>
      memo.peerAuthentications.get([resource], '', () => buildPeerAuthentication(resource)),
    ),
    requestAuthentications: inOrderOfPrecedence(resources.RequestAuthentication.values()).map((resource) =>
      memo.requestAuthentications.get([resource], '', () => buildRequestAuthentication(resource)),
    ),
    authorizationPolicies: inOrderOfPrecedence(resources.AuthorizationPolicy.values()).map((resource) =>
      memo.authorizationPolicies.get([resource], '', () => buildAuthorizationPolicy(resource)),
    ),
    credentials: credentials.credentials,
    envoyFilters: inOrderOfPrecedence(resources.EnvoyFilter.values()).map((resource) =>
      memo.envoyFilters.get([resource], '', () => buildEnvoyFilter(resource)),
    ),
    destinationRules: [
      ...backendTls.destinationRules,
      ...inOrderOfPrecedence(resources.DestinationRule.values()).map((resource) =>
        memo.destinationRules.get([resource, settings], '', () => buildDestinationRule(resource, settings)),
      ),
    ],
    sidecars: inOrderOfPrecedence(resources.Sidecar.values()).map((resource) =>
      memo.sidecars.get([resource, settings], '', () => buildSidecar(resource, settings)),
    ),
  };
  const findings = [
    ...diagnostics,
    ...annotationDiagnostics(workloads.workloads.values()),
    ...ingresses.diagnostics,
    ...credentials.diagnostics,
    ...gatewayFindings(resources.Gateway.values()),
    ...[...resources.EnvoyFilter.values()].flatMap(ineffectivePatches),
    ...[...resources.AuthorizationPolicy.values()].flatMap(dryRunDiagnostics),
    ...authorizationDiagnostics(parts),
    ...requestAuthenticationDiagnostics(parts),
    ...claimRoutingDiagnostics(parts),
    ...ofRoutes.diagnostics,
    ...gatewayApi.diagnostics,
    ...backendTls.diagnostics,
    ...ofServices,
    ...ofNetworks,
    ...unreachableEntries(resources, networks),
    ...referenceDiagnostics(parts, memo.hostHints),
    ...virtualServiceDiagnostics(parts.virtualServices),
    ...destinationRuleDiagnostics(parts),
    ...sidecarDiagnostics(parts.sidecars),
    ...peerAuthenticationDiagnostics(parts),
    ...mtlsConflicts(parts),
    ...unnamedServers(parts),
    ...telemetries.flatMap(({ diagnostics: ofTelemetry }) => ofTelemetry),
  ];
  return { ...parts, diagnostics: findings.sort(compareDiagnostics) };
}

function meshSettings({ ConfigMap, Namespace }: ResourcesByKind, memo: BuildMemo): SettingsResult {
  const configMap = ConfigMap.get(`${systemNamespace}/istio`);
  const written = configMap === undefined ? readMeshSettings(undefined) : memo.settings.get([configMap], '', () => readMeshSettings(configMap));
  const root = Namespace.get(systemNamespace);
  return root === undefined ? written : memo.settings.get([written, root], 'network', () => settingsWithNetwork(written, root));
}
