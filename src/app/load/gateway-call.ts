// By which host and path a gateway of the mesh leads to a Service, from the routes that are written: VirtualServices of a gateway, HTTPRoutes and Ingresses.
// Pure: resources as they would stand in a file in, the first call that fits out.
import { isObject } from '#base/object.ts';

export type GatewayCall = { /** Undefined: any host will do. */ readonly host?: string; readonly path: string };

/** As the admin API hands out resources. */
export type PlainResource = { readonly namespace: string; readonly object: object };

export type RouteResources = {
  readonly virtualServices: readonly PlainResource[];
  readonly httpRoutes: readonly PlainResource[];
  readonly ingresses: readonly PlainResource[];
};

type Fields = Readonly<Record<string, unknown>>;

export function gatewayCallTo(name: string, namespace: string, routes: RouteResources): GatewayCall | undefined {
  for (const { namespace: from, object } of routes.virtualServices) {
    const spec = fields(at(object, 'spec'));
    if (!list(spec['gateways']).some((gateway) => gateway !== 'mesh')) continue;
    const route = list(spec['http']).find((one) =>
      list(at(one, 'route')).some((part) => isService(at(at(part, 'destination'), 'host'), from, name, namespace)),
    );
    if (route !== undefined) return callOf(list(spec['hosts']), virtualServicePath(route));
  }
  for (const { namespace: from, object } of routes.httpRoutes) {
    const spec = fields(at(object, 'spec'));
    const rule = list(spec['rules']).find((one) =>
      list(at(one, 'backendRefs')).some((ref) => at(ref, 'name') === name && (at(ref, 'namespace') ?? from) === namespace),
    );
    if (rule !== undefined) return callOf(list(spec['hostnames']), text(at(at(list(at(rule, 'matches'))[0], 'path'), 'value')) ?? '/');
  }
  for (const { namespace: from, object } of routes.ingresses) {
    for (const rule of from === namespace ? list(at(at(object, 'spec'), 'rules')) : []) {
      const found = list(at(at(rule, 'http'), 'paths')).find((path) => at(at(at(path, 'backend'), 'service'), 'name') === name);
      if (found !== undefined) return callOf([at(rule, 'host')], text(at(found, 'path')) ?? '/');
    }
  }
  return undefined;
}

/** The first host that the gateways of the mesh serve by name; undefined where one serves any, or none does. */
export function servedHost(gateways: readonly PlainResource[]): string | undefined {
  const hosts = gateways.flatMap(({ object }) => list(at(at(object, 'spec'), 'servers')).flatMap((server) => list(at(server, 'hosts'))));
  const names = hosts.flatMap((host) => (typeof host === 'string' ? [host.slice(host.indexOf('/') + 1)] : []));
  return names.includes('*') ? undefined : names.map(nameFor).find((host) => host !== undefined);
}

function callOf(hosts: readonly unknown[], path: string): GatewayCall {
  const host = hosts.map((one) => nameFor(text(one) ?? '*')).find((one) => one !== undefined);
  return { path, ...(host !== undefined && { host }) };
}

/** `www.example.com` for `*.example.com`; nothing for `*`. */
function nameFor(host: string): string | undefined {
  return host === '*' ? undefined : host.replace(/^\*\./, 'www.');
}

/** The path of a match that asks for nothing else, if there is one; one with a name says more than the root. */
function virtualServicePath(route: unknown): string {
  const matches = list(at(route, 'match'));
  const alone = matches.filter((one) => Object.keys(fields(one)).every((key) => key === 'uri'));
  const paths = (alone.length > 0 ? alone : matches).flatMap((one) => text(at(at(one, 'uri'), 'exact')) ?? text(at(at(one, 'uri'), 'prefix')) ?? []);
  return paths.find((path) => path !== '/') ?? '/';
}

/** A short name is one of the resource's own namespace (Istio: Destination.host). */
function isService(host: unknown, from: string, name: string, namespace: string): boolean {
  if (typeof host !== 'string') return false;
  const [first, second = from] = host.split('.');
  return first === name && second === namespace;
}

function at(value: unknown, key: string): unknown {
  return isObject(value) ? value[key] : undefined;
}

function fields(value: unknown): Fields {
  return isObject(value) ? value : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
