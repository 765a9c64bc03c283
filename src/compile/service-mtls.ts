// In: a service and the mesh's policies. Out: what its callers may expect of it: whose certificates its endpoints have, whether mutual TLS is begun
// without being asked for, and which endpoints take plaintext only. Mostly one look at a service for each time it changes.
import type { Scope } from '#compile/scope.ts';
import { trustDomains } from '#compile/trust-domain.ts';
import { namespaceMtls, portMtls, workloadMtls } from '#model/effective-mtls.ts';
import type { MeshSettings } from '#model/mesh.ts';
import type { Endpoint, Service } from '#model/service.ts';

export type ServiceMtls = {
  /** SPIFFE identities, `spiffe://cluster.local/ns/shop/sa/web`, and whatever else a ServiceEntry says; empty: any of the mesh. */
  readonly accounts: readonly string[];
  /** Mutual TLS towards endpoints that can do it, unless a rule says something else. */
  readonly automatic: boolean;
  /** The ports all of whose endpoints can: what goes to where the client meant to go cannot tell them apart. */
  readonly wholePorts: ReadonlySet<number>;
};

type EndpointFacts = Pick<ServiceMtls, 'accounts' | 'wholePorts'>;

const known = new WeakMap<MeshSettings, WeakMap<Service, EndpointFacts>>();

/** Source: Istio, BestEffortInferServiceMTLSMode and PushContext.ServiceAccounts. */
export function serviceMtls({ mesh: { settings }, peerAuthentications }: Scope, service: Service): ServiceMtls {
  const automatic = settings.autoMtls && !service.external && namespaceMtls(peerAuthentications, service.namespace).mode !== 'disable';
  return { ...endpointFacts(service, settings), automatic };
}

/** All that clusters depend on of it; nothing where the client could not begin mutual TLS. Which endpoints there are matters to services only that connections pass through to. */
export function mtlsKey({ accounts, automatic, wholePorts }: ServiceMtls, service: Service, hasIdentity: boolean): string {
  if (!hasIdentity) return '';
  const passes = service.headless || service.resolution === 'none';
  return `${automatic} ${accounts.join(',')} ${passes ? [...wholePorts].join(',') : ''}`;
}

function endpointFacts(service: Service, settings: MeshSettings): EndpointFacts {
  let ofSettings = known.get(settings);
  if (ofSettings === undefined) {
    ofSettings = new WeakMap();
    known.set(settings, ofSettings);
  }
  let facts = ofSettings.get(service);
  if (facts === undefined) {
    facts = { accounts: accountsOf(service, settings), wholePorts: wholePorts(service) };
    ofSettings.set(service, facts);
  }
  return facts;
}

function accountsOf(service: Service, settings: MeshSettings): readonly string[] {
  const domains = trustDomains(settings);
  const accounts = new Set(service.subjectAltNames);
  const paths = new Set(service.endpoints.flatMap((endpoint) => accountPath(endpoint) ?? []));
  for (const path of paths) for (const domain of domains) accounts.add(`spiffe://${domain}/${path}`);
  return [...accounts].sort();
}

/** `ns/shop/sa/web`; undefined where nobody knows who is behind an address. */
function accountPath({ workload, workloadEntry, serviceAccount, labels }: Endpoint): string | undefined {
  const [namespace] = (workload ?? workloadEntry)?.split('/') ?? [];
  const isKnownPod = workload !== undefined && Object.keys(labels).length > 0;
  const account = serviceAccount ?? (isKnownPod ? 'default' : undefined);
  return namespace === undefined || account === undefined ? undefined : `ns/${namespace}/sa/${account}`;
}

function wholePorts({ endpoints }: Service): ReadonlySet<number> {
  const able = new Set<number>();
  const unable = new Set<number>();
  for (const { servicePortNumber, tlsMode } of endpoints) (tlsMode === 'istio' ? able : unable).add(servicePortNumber);
  return new Set([...able].filter((port) => !unable.has(port)));
}

const none: ReadonlySet<Endpoint> = new Set();

/** The endpoints whose workload ends no mutual TLS on their port, as a policy says DISABLE. Source: Istio, mtlsChecker. */
export function plaintextEndpoints({ mesh, peerAuthentications }: Scope, service: Service): ReadonlySet<Endpoint> {
  if (!peerAuthentications.disablesSome) return none;
  const found = service.endpoints.filter((endpoint) => {
    if (endpoint.tlsMode !== 'istio') return false;
    const { workload = '', workloadEntry = '', labels } = endpoint;
    const [namespace = service.namespace] = (workload === '' ? workloadEntry : workload).split('/');
    const mtls = workloadMtls(peerAuthentications, namespace === '' ? service.namespace : namespace, labels);
    return portMtls(mtls, containerPort(endpoint, mesh.workloads.get(workload)?.localPorts)) === 'disable';
  });
  return found.length === 0 ? none : new Set(found);
}

/** Pods that run as local processes are reached at their proxy's ports, and policies speak of those of their containers. */
function containerPort({ port }: Endpoint, localPorts: Readonly<Record<string, number>> = {}): number {
  const container = Object.keys(localPorts).find((own) => localPorts[own] === port);
  return container === undefined ? port : Number(container);
}
