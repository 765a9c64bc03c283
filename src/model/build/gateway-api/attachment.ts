// Which parents of a route take it, and for which hosts: listeners of Gateways, or services of the mesh. Source: Gateway API, ParentReference
// and AllowedRoutes; Istio, extractParentReferenceInfo and referenceAllowed.
import type { ParentReference } from '#api/gateway-api/references.ts';
import { type KindMap, kinds, type ResourcesByKind } from '#api/kinds.ts';
import { closest } from '#base/closest.ts';
import type { Origin } from '#base/origin.ts';
import { isOwnGateway } from '#model/build/gateway-api/gateway-class.ts';
import { isServed, type Listener } from '#model/build/gateway-api/listeners.ts';
import type { Problem } from '#model/build/gateway-api/problem.ts';
import { serviceHostname } from '#model/build/host-resolution.ts';
import { compareSpecificity, hostCovers, intersectHosts } from '#model/hostname.ts';
import type { Service } from '#model/service.ts';

export type RouteResource = KindMap['HTTPRoute' | 'GRPCRoute' | 'TLSRoute' | 'TCPRoute'];

/** A listener that took the route, and the hosts that the two have in common. */
export type ListenerBinding = { readonly listener: Listener; readonly hosts: readonly string[] };

/** Calls to hosts inside the mesh; with a port, to that port only. `isProducer`: the route stands in the service's own namespace. */
export type MeshBinding = { readonly hosts: readonly string[]; readonly port?: number; readonly isProducer: boolean };

/** What became of one parentRef. `isOurs` false: another controller's, or none at all, so that there is no status to give. */
export type Attachment = {
  readonly parent: string;
  readonly isOurs: boolean;
  readonly listeners: readonly ListenerBinding[];
  readonly mesh: readonly MeshBinding[];
  readonly problems: readonly Problem[];
  readonly origin: Origin;
};

export type AttachContext = {
  readonly resources: ResourcesByKind;
  readonly listeners: readonly Listener[];
  readonly services: ReadonlyMap<string, Service>;
  readonly domain: string;
};

/** One for each parentRef, in their order; a route without any does nothing. */
export function attachRoute(route: RouteResource, context: AttachContext): readonly Attachment[] {
  return (route.spec.parentRefs ?? []).map((reference, index) => {
    const origin = route.origins.at(['spec', 'parentRefs', index]);
    const found = attach(route, reference, origin, context);
    return { listeners: [], mesh: [], problems: [], isOurs: true, origin, parent: parentName(reference, route.metadata.namespace), ...found };
  });
}

/** What of the mesh, beside listeners, decides where a route attaches: the services that it names as parents. */
export function parentServicesKey({ spec, metadata }: RouteResource, { resources, services, domain }: AttachContext): string {
  return (spec.parentRefs ?? [])
    .filter(({ kind }) => kind === 'Service' || kind === 'ServiceEntry')
    .map(({ kind, name, namespace = metadata.namespace }) => {
      const entry = kind === 'ServiceEntry' ? resources.ServiceEntry.get(`${namespace}/${name}`) : undefined;
      const hosts = kind === 'Service' ? [serviceHostname(name, namespace, domain)] : (entry?.spec.hosts ?? []).map((host) => host.toLowerCase());
      return hosts
        .map(
          (host) =>
            `${host}:${
              services
                .get(host)
                ?.ports.map(({ number }) => number)
                .join(',') ?? 'nobody'
            }`,
        )
        .join(' ');
    })
    .join(';');
}

/** `Gateway default/web`, with the section and the port that are named. */
function parentName({ kind = 'Gateway', name, namespace, sectionName, port }: ParentReference, own: string): string {
  return `${kind} ${namespace ?? own}/${name}${sectionName === undefined ? '' : `/${sectionName}`}${port === undefined ? '' : `:${port}`}`;
}

function attach(route: RouteResource, reference: ParentReference, at: Origin, context: AttachContext): Partial<Attachment> {
  const { group = 'gateway.networking.k8s.io', kind = 'Gateway', name, namespace = route.metadata.namespace } = reference;
  const key = `${namespace}/${name}`;
  const { resources } = context;
  switch (`${group}/${kind}`) {
    case 'gateway.networking.k8s.io/Gateway': {
      const gateway = resources.KubernetesGateway.get(key);
      if (gateway === undefined) return missing('Gateway', key, at, resources.KubernetesGateway.keys());
      if (!isOwnGateway(gateway, resources.GatewayClass)) return { isOurs: false };
      return attachToListeners(
        route,
        reference,
        at,
        context.listeners.filter(({ owner }) => owner === gateway),
      );
    }
    case 'gateway.networking.k8s.io/ListenerSet': {
      const set = resources.ListenerSet.get(key);
      if (set === undefined) return missing('ListenerSet', key, at, resources.ListenerSet.keys());
      return attachToListeners(
        route,
        reference,
        at,
        context.listeners.filter(({ owner }) => owner === set),
      );
    }
    case '/Service': {
      const service = context.services.get(serviceHostname(name, namespace, context.domain));
      if (service === undefined) return missing('Service', key, at, resources.Service.keys());
      return attachToMesh(route, reference, [service], namespace, at);
    }
    case 'networking.istio.io/ServiceEntry': {
      const entry = resources.ServiceEntry.get(key);
      if (entry === undefined) return missing('ServiceEntry', key, at, resources.ServiceEntry.keys());
      const services = (entry.spec.hosts ?? []).flatMap((host) => context.services.get(host.toLowerCase()) ?? []);
      return attachToMesh(route, reference, services, namespace, at);
    }
    default:
      return notServed(group, kind, at);
  }
}

/** Somebody else's, or a slip in the group, which is the Gateway API's own unless said. */
function notServed(group: string, kind: string, at: Origin): Partial<Attachment> {
  const groups: Readonly<Record<string, string>> = { Service: "''", ServiceEntry: 'networking.istio.io' };
  const meant = groups[kind];
  const hint = meant === undefined ? 'a parent is a Gateway, a ListenerSet, a Service or a ServiceEntry' : `write group: ${meant}`;
  const message = `parents of kind ${kind} of group ${JSON.stringify(group)} are not served`;
  return { isOurs: false, problems: [{ condition: 'Accepted', reason: 'InvalidKind', message, hint, at, severity: 'warning' }] };
}

/** Nobody can say whose a parent would be that is not there, so that it has no status; the user is told all the same. */
function missing(kind: string, key: string, at: Origin, known: Iterable<string>): Partial<Attachment> {
  const similar = closest(key, known);
  const hint = similar === undefined ? `there is no ${kind} of this name` : `did you mean ${similar}?`;
  return { isOurs: false, problems: [{ condition: 'Accepted', reason: 'NoMatchingParent', message: `parent not found: ${kind} ${key}`, hint, at }] };
}

function notAccepted(reason: string, message: string, at: Origin, hint?: string): Partial<Attachment> {
  return { problems: [{ condition: 'Accepted', reason, message, at, ...(hint !== undefined && { hint }) }] };
}

function attachToListeners(route: RouteResource, reference: ParentReference, at: Origin, all: readonly Listener[]): Partial<Attachment> {
  const { kind } = kinds[route.kind];
  const { namespace } = route.metadata;
  const named = all.filter(
    ({ spec }) =>
      (reference.sectionName === undefined || spec.name === reference.sectionName) && (reference.port === undefined || spec.port === reference.port),
  );
  if (named.length === 0) {
    const offered = all.map(({ spec }) => `${spec.name} (port ${spec.port})`).join(', ');
    return notAccepted('NoMatchingParent', 'the parent has no such listener', at, offered === '' ? 'it has no listeners' : `it has ${offered}`);
  }
  const open = named.filter((listener) => listener.kinds.includes(kind) && listener.allowsNamespace(namespace));
  if (open.length === 0) {
    const isKind = named.every((listener) => !listener.kinds.includes(kind));
    const message = isKind ? `no listener takes routes of kind ${kind}` : `no listener takes routes of namespace ${namespace}`;
    const hint = isKind
      ? 'its protocol or allowedRoutes.kinds say which it takes'
      : 'allowedRoutes.namespaces says whose it takes: only its own unless said';
    return notAccepted('NotAllowedByListeners', message, at, hint);
  }
  const listeners = open.map((listener) => ({ listener, hosts: commonHosts(route, listener) })).filter(({ hosts }) => hosts.length > 0);
  if (listeners.length > 0) return { listeners };
  const hint = `they serve ${open.map(({ hostname }) => hostname).join(', ')}`;
  return notAccepted('NoMatchingListenerHostname', 'no listener serves one of the hostnames of the route', at, hint);
}

/** The hosts of a route that a listener serves, in lower case. Routes of connections have none: they take what the listener has. */
function commonHosts(route: RouteResource, listener: Listener): readonly string[] {
  const written = 'hostnames' in route.spec ? (route.spec.hostnames ?? []) : [];
  if (written.length === 0) return [listener.hostname];
  return intersectHosts(
    written.map((host) => host.toLowerCase()),
    [listener.hostname],
  );
}

function attachToMesh(
  route: RouteResource,
  { port }: ParentReference,
  services: readonly Service[],
  namespace: string,
  at: Origin,
): Partial<Attachment> {
  const having = services.filter(({ ports }) => port === undefined || ports.some(({ number }) => number === port));
  if (having.length === 0) {
    const offered = services.flatMap(({ ports }) => ports.map(({ number }) => number)).join(', ');
    return notAccepted('NoMatchingParent', `the parent has no port ${port ?? ''}`.trimEnd(), at, `it has ${offered === '' ? 'none' : offered}`);
  }
  const isProducer = namespace === route.metadata.namespace;
  return { mesh: [{ hosts: having.map(({ hostname }) => hostname), ...(port !== undefined && { port }), isProducer }] };
}

/**
 * The hosts of a binding that its listener answers for: where another listener of the Gateway on the same port is closer to a host, that one
 * does (listener isolation). Listeners that are not served leave their hosts to nobody.
 */
export function isolatedHosts({ listener, hosts }: ListenerBinding, all: readonly Listener[]): readonly string[] {
  if (!isServed(listener)) return [];
  const closer = all.filter((other) => isBeside(other, listener) && compareSpecificity(other.hostname, listener.hostname) < 0);
  return hosts.filter((host) => !closer.some(({ hostname }) => hostCovers(hostname, host)));
}

/** Whether another listener serves, too, what this one does for some of its hosts: what the closer one has no route for is 404 all the same. */
export function isWithinAnother(listener: Listener, all: readonly Listener[]): boolean {
  return all.some((other) => isBeside(other, listener) && other.hostname !== listener.hostname && hostCovers(other.hostname, listener.hostname));
}

function isBeside(other: Listener, { gateway, spec }: Listener): boolean {
  return other.gateway === gateway && other.spec.port === spec.port && isServed(other);
}
