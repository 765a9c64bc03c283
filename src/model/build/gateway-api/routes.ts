// The routes of the Gateway API, attached to their parents and converted, in order of precedence: older first, then by namespace and name.
import type { KindMap, ResourcesByKind } from '#api/kinds.ts';
import { kinds } from '#api/kinds.ts';
import type { IdentityCache } from '#base/identity-cache.ts';
import { type AttachContext, type Attachment, attachRoute, parentServicesKey, type RouteResource } from '#model/build/gateway-api/attachment.ts';
import type { BackendContext } from '#model/build/gateway-api/backends.ts';
import { type ConvertedConnections, convertConnectionRoute } from '#model/build/gateway-api/connection-rules.ts';
import { type ConvertedRules, convertGrpcRoute, convertHttpRoute } from '#model/build/gateway-api/http-rules.ts';
import type { ReferenceGrants } from '#model/build/gateway-api/reference-grants.ts';

type Attached<Kind extends RouteResource['kind'], Converted> = {
  readonly route: KindMap[Kind];
  readonly attachments: readonly Attachment[];
  readonly converted: Converted;
};

export type AttachedHttpRoute = Attached<'HTTPRoute' | 'GRPCRoute', ConvertedRules>;
export type AttachedConnectionRoute = Attached<'TLSRoute' | 'TCPRoute', ConvertedConnections>;
export type AttachedRoute = AttachedHttpRoute | AttachedConnectionRoute;

/** Conversions by route and by what its references lead to; attachments by route and listeners. */
export type RouteMemo = {
  readonly attachments: IdentityCache<readonly Attachment[]>;
  readonly http: IdentityCache<ConvertedRules>;
  readonly connections: IdentityCache<ConvertedConnections>;
};

export type RouteContext = AttachContext & { readonly grants: ReferenceGrants; readonly memo: RouteMemo };

export function readHttpRoutes({ HTTPRoute, GRPCRoute }: ResourcesByKind, context: RouteContext): readonly AttachedHttpRoute[] {
  return inRouteOrder([...HTTPRoute.values(), ...GRPCRoute.values()]).map((route) => {
    const backends = backendContext(route, context);
    const converted = context.memo.http.get([route], resolutionKey(route, backends), () =>
      route.kind === 'HTTPRoute' ? convertHttpRoute(route, backends) : convertGrpcRoute(route, backends),
    );
    return { route, attachments: attachmentsOf(route, context), converted };
  });
}

export function readConnectionRoutes({ TLSRoute, TCPRoute }: ResourcesByKind, context: RouteContext): readonly AttachedConnectionRoute[] {
  return inRouteOrder([...TLSRoute.values(), ...TCPRoute.values()]).map((route) => {
    const backends = backendContext(route, context);
    const converted = context.memo.connections.get([route], resolutionKey(route, backends), () => convertConnectionRoute(route, backends));
    return { route, attachments: attachmentsOf(route, context), converted };
  });
}

function attachmentsOf(route: RouteResource, context: RouteContext): readonly Attachment[] {
  return context.memo.attachments.get([route, context.listeners], parentServicesKey(route, context), () => attachRoute(route, context));
}

function backendContext({ kind, metadata, origins }: RouteResource, { services, grants, domain }: RouteContext): BackendContext {
  return { route: { kind: kinds[kind].kind, namespace: metadata.namespace, origins }, services, grants, domain };
}

/** All that conversion asks of the mesh: what each reference of the route leads to. */
function resolutionKey({ spec, metadata }: RouteResource, { route, services, grants, domain }: BackendContext): string {
  const key: string[] = [domain];
  const add = ({ group = '', kind = 'Service', name, namespace = metadata.namespace, port = 0 }: Reference): void => {
    const hostname = kind === 'Service' ? `${name}.${namespace}.svc.${domain}` : name.toLowerCase();
    const isThere = services.get(hostname)?.ports.some(({ number }) => number === port) ?? 'nobody';
    key.push(`${isThere}/${grants.permits({ kind: route.kind, namespace: route.namespace }, { group, kind, namespace, name })}`);
  };
  for (const { backendRefs = [], filters = [] } of (spec.rules ?? []) as readonly AnyRule[]) {
    for (const backend of backendRefs) add(backend);
    for (const { requestMirror } of filters) if (requestMirror !== undefined) add(requestMirror.backendRef);
  }
  return key.join(' ');
}

type Reference = { readonly group?: string; readonly kind?: string; readonly name: string; readonly namespace?: string; readonly port?: number };
/** What the rules of all kinds of routes have in common. */
type AnyRule = {
  readonly backendRefs?: readonly Reference[];
  readonly filters?: readonly { readonly requestMirror?: { readonly backendRef: Reference } }[];
};

/** Source: Gateway API, HTTPRouteRule.matches: "the oldest Route based on creation timestamp", then by `namespace/name`. */
function inRouteOrder<Route extends RouteResource>(routes: readonly Route[]): readonly Route[] {
  return routes.toSorted((a, b) => createdMs(a) - createdMs(b) || (orderName(a) < orderName(b) ? -1 : 1));
}

function createdMs({ metadata }: RouteResource): number {
  const ms = Date.parse(metadata.creationTimestamp ?? '');
  return Number.isNaN(ms) ? 0 : ms;
}

function orderName({ metadata }: RouteResource): string {
  return `${metadata.namespace}/${metadata.name}`;
}
