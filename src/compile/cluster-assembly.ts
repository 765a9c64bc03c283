// In: a scope, and a proxy. Out: clusters and endpoints of all services that it sees: the same for all proxies of one kind, unless a rule chooses its
// clients by label or looks at where they stand. Clusters know nothing of endpoints: an endpoint that comes or goes leaves them as they are.
import { isIPv6 } from 'node:net';
import { type Assembly, assemble } from '#compile/assembly.ts';
import { clientSecrets, rulesWithCredentials } from '#compile/client-secrets.ts';
import { outboundClusters } from '#compile/cluster.ts';
import type { ClientClass } from '#compile/cluster-discovery.ts';
import { type ClusterPolicy, clusterPolicies } from '#compile/cluster-policy.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { loadAssignments } from '#compile/endpoint.ts';
import type { Placement } from '#compile/endpoint-locality.ts';
import { networkView, networkViewKey } from '#compile/endpoint-network.ts';
import { fixedClusters } from '#compile/fixed-clusters.ts';
import type { GatewayCredentials } from '#compile/gateway-credentials.ts';
import { outboundAddresses } from '#compile/outbound-places.ts';
import type { Scope } from '#compile/scope.ts';
import { mtlsKey, plaintextEndpoints, serviceMtls } from '#compile/service-mtls.ts';
import type { Unit } from '#compile/unit.ts';
import type { DestinationRule } from '#model/destination-rule.ts';
import { formatLocality, localityOfLabels, topologyLabels } from '#model/locality.ts';
import type { MeshSettings } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import type { Service } from '#model/service.ts';

/** Where Istio's own image, and most Linux systems, keep the roots that they trust; a node may say otherwise (HEDDLE_SYSTEM_ROOTS). */
const usualSystemRoots = '/etc/ssl/certs/ca-certificates.crt';

/** Stands for "no destination rule" among the objects that a cache entry is found by. */
const noRule = {};

export function clusterAssembly(scope: Scope, proxy: Proxy, credentials: GatewayCredentials, cache: CompileCache): Assembly {
  const { settings } = scope.mesh;
  const { labels, rulesKey } = scope.client(proxy);
  const client = {
    type: proxy.type,
    hasOriginalDestination: proxy.interception.kind === 'redirect',
    hasIdentity: proxy.withoutIdentity !== true,
    systemRoots: proxy.metadata?.['HEDDLE_SYSTEM_ROOTS'] ?? usualSystemRoots,
    ipv6Only: proxy.addresses.length > 0 && proxy.addresses.every((address) => isIPv6(address)),
  };
  const clientKey = `${client.type} ${client.hasOriginalDestination} ${client.ipv6Only} ${client.hasIdentity} ${client.systemRoots}`;
  const governed = scope.once(`governed services ${rulesKey}`, () => governedServices(scope, labels, rulesKey, cache));
  const forwardsByHost = scope.outboundPolicy.mode === 'ALLOW_ANY_DYNAMIC_DNS';
  const placement = placementOf(scope, proxy, labels);
  const networks = networkViewKey(placement.networks);
  const { any, alsoAny } = outboundAddresses(proxy);
  const anywhere = [any, ...alsoAny];
  const name = `${scope.key} ${rulesKey} ${clientKey} ${anywhere.join()} ${proxy.withoutSecrets === true} ${forwardsByHost} ${placementKey(placement, governed.facts)}${networks}`;
  return scope.once(`clusters ${name}`, () =>
    cache.madeOf('cluster assembly', name, [governed, ...encryptionParts(scope)], () =>
      assemble([
        ...governed.services.flatMap((one) => serviceUnits(one, { scope, client, clientKey, placement, credentials }, cache)),
        ...cache.once('fixed clusters', [], `${client.type} ${forwardsByHost} ${anywhere.join()}`, () =>
          fixedClusters(client.type, settings, forwardsByHost, anywhere),
        ),
      ]),
    ),
  );
}

/** What of a client's place its clusters depend on: mostly nothing. */
type PlacementFacts = { readonly locality: boolean; readonly labels: readonly string[] };
type GovernedService = {
  readonly service: Service;
  readonly rule: DestinationRule | undefined;
  readonly policies: readonly ClusterPolicy[];
  readonly facts: PlacementFacts;
};

type GovernedServices = { readonly services: readonly GovernedService[]; readonly facts: PlacementFacts };

/** The same object as for the last mesh where neither a service nor a rule has changed. */
function governedServices(scope: Scope, labels: Proxy['labels'], rulesKey: string, cache: CompileCache): GovernedServices {
  const all = [...scope.services.values()];
  const rules = all.map((service) => scope.destinationRule(service, labels));
  return cache.madeOf('governed services', `${scope.key} ${rulesKey}`, [...all, ...rules], () => {
    const services = all.map((service, index) => govern(service, rules[index], scope.mesh.settings, cache));
    const names = new Set(services.flatMap(({ facts }) => facts.labels));
    return { services, facts: { locality: services.some(({ facts }) => facts.locality), labels: [...names].sort() } };
  });
}

function govern(service: Service, rule: DestinationRule | undefined, settings: MeshSettings, cache: CompileCache): GovernedService {
  const shape = [service.ports, service.origin, rule ?? noRule];
  const text = `${service.hostname} ${service.trafficDistribution ?? ''} ${service.nodeLocal ?? false}`;
  const { policies, facts } = cache.once('cluster policies', shape, text, () => {
    const made = clusterPolicies(service, rule, settings);
    return { policies: made, facts: placementFacts(service, made) };
  });
  return { service, rule, policies, facts };
}

const noFacts: PlacementFacts = { locality: false, labels: [] };

function placementFacts({ nodeLocal }: Service, policies: readonly ClusterPolicy[]): PlacementFacts {
  if (nodeLocal !== true && policies.every(({ locality }) => locality === undefined)) return noFacts;
  const found = policies.flatMap(({ locality }) => locality ?? []);
  const labels = found.flatMap(({ balancing }) => balancing.failoverPriority.filter((label) => !label.includes('=')));
  const names = new Set(nodeLocal === true ? [...labels, topologyLabels.host] : labels);
  return { locality: found.length > 0 || names.size > 0, labels: [...names].sort() };
}

/** The node's own locality counts, else the pod's. Its labels get those that tell the topology, as Istio's AugmentLabels does. */
function placementOf(scope: Scope, proxy: Proxy, labels: Proxy['labels']): Placement {
  const { locality: known, node, network } = scope.mesh.workloads.get(`${proxy.namespace}/${proxy.name}`) ?? {};
  const locality = proxy.locality ?? known ?? localityOfLabels(labels) ?? { region: '', zone: '', subZone: '' };
  const topology = {
    [topologyLabels.region]: locality.region,
    [topologyLabels.zone]: locality.zone,
    [topologyLabels.subZone]: locality.subZone,
    [topologyLabels.host]: node ?? '',
  };
  const told = Object.entries(topology).filter(([, value]) => value !== '');
  return {
    locality,
    labels: { ...(network !== undefined && { [topologyLabels.network]: network }), ...labels, ...Object.fromEntries(told) },
    ...networkView(scope.mesh.networks, proxy, network),
  };
}

function placementKey({ locality, labels }: Placement, facts: PlacementFacts): string {
  if (!facts.locality) return '';
  return [formatLocality(locality), ...facts.labels.map((name) => `${name}=${labels[name] ?? ''}`)].join(',');
}

/** What of a mesh beside services and rules decides how they are called: its policies, and its credentials where a rule names one. */
function encryptionParts({ mesh }: Scope): readonly object[] {
  const { peerAuthentications, destinationRules, credentials } = mesh;
  return [...peerAuthentications, ...(rulesWithCredentials(destinationRules).length > 0 ? [credentials] : [])];
}

type ClientParts = {
  readonly scope: Scope;
  readonly client: ClientClass;
  readonly clientKey: string;
  readonly placement: Placement;
  readonly credentials: GatewayCredentials;
};

function serviceUnits({ service, rule, policies, facts }: GovernedService, parts: ClientParts, cache: CompileCache): readonly Unit[] {
  const { scope, client, clientKey, placement } = parts;
  const { settings } = scope.mesh;
  const place = `${placementKey(placement, facts)}${networkViewKey(placement.networks)}`;
  const mtls = serviceMtls(scope, service);
  const plain = plaintextEndpoints(scope, service);
  const { secrets, units, key: secretsKey } = clientSecrets(rule, parts);
  // The names that DNS is asked for stand in the cluster itself.
  const named = service.resolution === 'dns' || service.resolution === 'dns-round-robin';
  const shape = [service.ports, service.origin, rule ?? noRule, ...(named ? [service.endpoints] : [])];
  const own = `${service.hostname} ${service.headless} ${service.resolution} ${service.trafficDistribution ?? ''} ${named ? place : ''}`;
  const plainKey = plain.size === 0 ? '' : [...plain].map(({ address, port }) => `${address}:${port}`).join(',');
  const key = `${clientKey} ${own} ${mtlsKey(mtls, service, client.hasIdentity)} ${secretsKey} ${named ? plainKey : ''}`;
  const clusters = cache.once('clusters', shape, key, () =>
    outboundClusters(service, rule, policies, { client, placement, mtls, plain, secrets, settings }),
  );
  const discovered = clusters.filter(isDiscovered);
  if (discovered.length === 0) return [...units, ...clusters];
  const endpoints = cache.once('endpoints', [service, rule ?? noRule], `${place} ${plainKey}`, () =>
    loadAssignments(service, policies, placement, plain),
  );
  if (discovered.length === endpoints.length) return [...units, ...clusters, ...endpoints];
  const names = new Set(discovered.map(({ resource }) => resource.name));
  return [...units, ...clusters, ...endpoints.filter(({ resource }) => names.has(resource.name))];
}

/** Whether the cluster takes its endpoints from EDS: one that passes through, or asks DNS, has none to send. */
function isDiscovered({ resource }: Unit): boolean {
  return 'edsClusterConfig' in resource.message && resource.message.edsClusterConfig !== undefined;
}
