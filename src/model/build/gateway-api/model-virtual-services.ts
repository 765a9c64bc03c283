// Attached routes as virtual services: for HTTP one for each host of each listener, so that the rules of all routes that are for it stand in one
// order; inside the mesh one for each service, for all callers (routes of the service's namespace) or for those of one namespace (its own).
// For connections one for each route. Source: Istio, buildHTTPVirtualServices.
import type { IdentityCache, PartsCache } from '#base/identity-cache.ts';
import type { Origin } from '#base/origin.ts';
import { isolatedHosts, isWithinAnother, type ListenerBinding, type MeshBinding } from '#model/build/gateway-api/attachment.ts';
import { tcpRules, tlsRules } from '#model/build/gateway-api/connection-rules.ts';
import { inOrderOfMatches } from '#model/build/gateway-api/http-matches.ts';
import { isServed, type Listener } from '#model/build/gateway-api/listeners.ts';
import type { AttachedConnectionRoute, AttachedHttpRoute } from '#model/build/gateway-api/routes.ts';
import { createdMs } from '#model/build/precedence.ts';
import type { HttpRule, VirtualService } from '#model/virtual-service.ts';
import type { Visibility } from '#model/visibility.ts';

export type VirtualServiceMemo = {
  /** By gateway and host, or service and callers. */
  readonly virtualServices: PartsCache<VirtualService>;
  /** By route and parent. */
  readonly connectionServices: PartsCache<VirtualService>;
  /** Rules of a route for one port of a service. */
  readonly portRules: IdentityCache<readonly HttpRule[]>;
};

type Group = {
  readonly key: string;
  readonly host: string;
  readonly gateway: string;
  readonly visibility: Visibility;
  readonly first: AttachedHttpRoute['route'];
  readonly parts: (readonly HttpRule[])[];
};

const everywhere: Visibility = { kind: 'everywhere' };

/** `routes` in order of precedence. */
export function httpVirtualServices(
  routes: readonly AttachedHttpRoute[],
  listeners: readonly Listener[],
  memo: VirtualServiceMemo,
): readonly VirtualService[] {
  const groups = new Map<string, Group>();
  const add = (group: Omit<Group, 'parts'>, rules: readonly HttpRule[]): void => {
    const known = groups.get(group.key);
    if (known === undefined) groups.set(group.key, { ...group, parts: [rules] });
    else if (!known.parts.includes(rules)) known.parts.push(rules);
  };
  for (const { route, attachments, converted } of routes) {
    for (const attachment of attachments) {
      for (const binding of attachment.listeners) {
        const gateway = modelName(binding);
        for (const host of isolatedHosts(binding, listeners)) {
          add({ key: `${gateway} ${host}`, host, gateway, visibility: everywhere, first: route }, converted.rules);
        }
      }
      for (const binding of attachment.mesh) {
        const { visibility, key } = callersOf(binding, route.metadata.namespace);
        const rules = portRules(converted.rules, binding, memo);
        for (const host of binding.hosts) add({ key: `mesh ${host} ${key}`, host, gateway: 'mesh', visibility, first: route }, rules);
      }
    }
  }
  const bare = listeners.filter(
    (listener) => isServed(listener) && isHttp(listener) && isWithinAnother(listener, listeners) && !groups.has(ownKey(listener)),
  );
  const bareKeys = new Set(bare.map(ownKey));
  memo.virtualServices.keep((key) => groups.has(key) || bareKeys.has(key));
  return [
    ...[...groups.values()].map((group) => memo.virtualServices.get(group.key, [group.first, ...group.parts], () => toVirtualService(group))),
    ...bare.map((listener) => memo.virtualServices.get(ownKey(listener), [listener.owner], () => nothingFound(listener))),
  ];
}

function isHttp({ spec: { protocol } }: Listener): boolean {
  return protocol === 'HTTP' || protocol === 'HTTPS';
}

/** The key of the group for all hosts of a listener. */
function ownKey(listener: Listener): string {
  return `${modelName({ listener })} ${listener.hostname}`;
}

/** 404 for what a listener has no route for, so that it does not fall to the routes of a wider one on its port. */
function nothingFound(listener: Listener): VirtualService {
  const { owner, path, hostname } = listener;
  const origin = owner.origins.at(path);
  return {
    ...emptyVirtualService(`${listener.modelName}-rest`, owner.metadata.namespace, origin),
    hosts: [{ written: hostname, hostname, origin }],
    gateways: [modelName({ listener })],
    http: [{ name: 'no-route', matches: [], destinations: [], answer: { kind: 'direct-response', status: 404 }, origin }],
  };
}

function modelName({ listener }: Pick<ListenerBinding, 'listener'>): string {
  return `${listener.gateway.metadata.namespace}/${listener.modelName}`;
}

/** Routes of the service's own namespace are for everybody, those of another for its own callers only. */
function callersOf({ isProducer }: MeshBinding, namespace: string): { readonly visibility: Visibility; readonly key: string } {
  if (isProducer) return { visibility: everywhere, key: '*' };
  return { visibility: { kind: 'namespaces', namespaces: new Set([namespace]) }, key: namespace };
}

function portRules(rules: readonly HttpRule[], { port }: MeshBinding, memo: VirtualServiceMemo): readonly HttpRule[] {
  if (port === undefined) return rules;
  return memo.portRules.get([rules], String(port), () =>
    rules.map((rule) => ({ ...rule, matches: rule.matches.map((match) => ({ ...match, port })) })),
  );
}

function toVirtualService({ host, gateway, visibility, first, parts }: Group): VirtualService {
  const { metadata, origins } = first;
  return {
    ...emptyVirtualService(`${metadata.name}-${host}`, metadata.namespace, origins.start),
    hosts: [{ written: host, hostname: host, origin: origins.start }],
    gateways: [gateway],
    http: inOrderOfMatches(parts.flat()),
    visibility,
    ...ageOf(first),
  };
}

function ageOf({ metadata }: Group['first'] | AttachedConnectionRoute['route']): Pick<VirtualService, 'createdMs'> {
  return metadata.creationTimestamp === undefined ? {} : { createdMs: createdMs(metadata) };
}

function emptyVirtualService(name: string, namespace: string, origin: Origin): VirtualService {
  return {
    name: `${name}-istio-autogenerated-k8s-gateway`,
    namespace,
    hosts: [],
    gateways: [],
    http: [],
    tls: [],
    tcp: [],
    semantics: 'gateway-api',
    visibility: everywhere,
    origin,
  };
}

/** `routes` in order of precedence; of several for the same connections the first has them all. */
export function connectionVirtualServices(routes: readonly AttachedConnectionRoute[], memo: VirtualServiceMemo): readonly VirtualService[] {
  const used = new Set<string>();
  const once = ({ route, converted }: AttachedConnectionRoute, parent: string, hosts: readonly string[], make: () => VirtualService) => {
    const key = `${route.kind} ${route.metadata.namespace}/${route.metadata.name} ${parent}`;
    used.add(key);
    return memo.connectionServices.get(key, [route, converted, ...hosts], make);
  };
  const made = routes.flatMap((attached) =>
    attached.attachments.flatMap(({ parent, listeners, mesh }) => [
      ...listeners
        .filter(({ listener }) => isServed(listener))
        .map((binding) => once(attached, `${parent} ${modelName(binding)}`, binding.hosts, () => ofListener(attached, binding))),
      ...mesh.map((binding) => once(attached, parent, binding.hosts, () => ofMesh(attached, binding))),
    ]),
  );
  memo.connectionServices.keep((key) => used.has(key));
  return made;
}

function ofListener({ route, converted }: AttachedConnectionRoute, binding: ListenerBinding): VirtualService {
  const { metadata, origins } = route;
  const { hosts, listener } = binding;
  return {
    ...emptyVirtualService(`${metadata.name}-${listener.spec.name}`, metadata.namespace, origins.start),
    hosts: hosts.map((host) => ({ written: host, hostname: host, origin: origins.start })),
    gateways: [modelName(binding)],
    ...(route.kind === 'TLSRoute' ? { tls: tlsRules(converted.rules, hosts, {}) } : { tcp: tcpRules(converted.rules, {}) }),
  };
}

/** Inside the mesh clients ask for the service by its name, or for what the route says. */
function ofMesh({ route, converted }: AttachedConnectionRoute, binding: MeshBinding): VirtualService {
  const { metadata, origins } = route;
  const { hosts } = binding;
  const serverNames = route.kind === 'TLSRoute' ? [...new Set([...hosts, ...(route.spec.hostnames ?? [])])] : [];
  return {
    ...emptyVirtualService(`${metadata.name}-mesh`, metadata.namespace, origins.start),
    hosts: [...new Set([...hosts, ...serverNames])].map((host) => ({ written: host, hostname: host, origin: origins.start })),
    gateways: ['mesh'],
    ...(route.kind === 'TLSRoute' ? { tls: tlsRules(converted.rules, serverNames, binding) } : { tcp: tcpRules(converted.rules, binding) }),
    visibility: callersOf(binding, metadata.namespace).visibility,
    ...ageOf(route),
  };
}
