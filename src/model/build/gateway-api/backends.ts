// backendRefs, resolved: the host and port of a service, or what is wrong with the reference. Source: Istio, buildDestination; Gateway API,
// BackendObjectReference.
import type { BackendReference } from '#api/gateway-api/references.ts';
import type { FieldOrigins } from '#api/resource.ts';
import { closest } from '#base/closest.ts';
import type { Problem } from '#model/build/gateway-api/problem.ts';
import type { ReferenceGrants } from '#model/build/gateway-api/reference-grants.ts';
import { serviceHostname } from '#model/build/host-resolution.ts';
import type { HostReference } from '#model/host-reference.ts';
import type { Service } from '#model/service.ts';

/** Where requests go. With a problem there is nothing there: the cluster of that name does not exist, and the proxy answers for it. */
export type ResolvedBackend = { readonly host: HostReference; readonly port: number; readonly problem?: Problem };

export type BackendContext = {
  readonly route: { readonly kind: string; readonly namespace: string; readonly origins: FieldOrigins };
  readonly services: ReadonlyMap<string, Service>;
  readonly grants: ReferenceGrants;
  readonly domain: string;
};

/** A host that no service can have (RFC 6761): what a refused reference leads to. */
const refusedHost = 'refused-backend.invalid';

export function resolveBackend(reference: BackendReference, path: readonly (string | number)[], context: BackendContext): ResolvedBackend {
  const { group = '', kind = 'Service', name, port = 0 } = reference;
  const { route, grants, domain } = context;
  const at = route.origins.at([...path, 'name']);
  const refused = (reason: string, message: string, hint?: string): ResolvedBackend => ({
    host: { written: name, hostname: refusedHost, origin: at },
    port,
    problem: { condition: 'ResolvedRefs', reason, message, at, ...(hint !== undefined && { hint }) },
  });
  const isService = group === '' && kind === 'Service';
  const isHostname = group === 'networking.istio.io' && kind === 'Hostname';
  if (!isService && !isHostname) {
    const hint = 'a backend is a Service, or a Hostname of group networking.istio.io';
    return refused('InvalidKind', `backend ${name} is of kind ${kind}${group === '' ? '' : ` of ${group}`}, which requests cannot be sent to`, hint);
  }
  const { namespace = route.namespace } = reference;
  if (isHostname && reference.namespace !== undefined) return refused('InvalidKind', `backend ${name}: a Hostname has no namespace`, 'leave it out');
  if (port === 0) return refused('BackendNotFound', `backend ${name} needs a port`, 'add port, such as port: 80');
  if (isService && !grants.permits({ kind: route.kind, namespace: route.namespace }, { group, kind, namespace, name })) {
    const hint = `write a ReferenceGrant in namespace ${namespace}: from kind ${route.kind} of namespace ${route.namespace}, to Services`;
    return refused('RefNotPermitted', `Service ${namespace}/${name} is in another namespace, which does not grant references to it`, hint);
  }
  const hostname = isService ? serviceHostname(name, namespace, domain) : name.toLowerCase();
  const host = { written: name, hostname, origin: at };
  const problem = notThere(host, port, context, isService ? `Service ${namespace}/${name}` : `host ${name}`);
  return problem === undefined ? { host, port } : { host, port, problem };
}

function notThere(host: HostReference, port: number, { services, route }: BackendContext, what: string): Problem | undefined {
  const service = services.get(host.hostname);
  const missing = { condition: 'ResolvedRefs', reason: 'BackendNotFound', at: host.origin } as const;
  if (service === undefined) {
    const [name = '', ...rest] = host.hostname.split('.');
    const beside = [...services.keys()].filter((hostname) => hostname.endsWith(`.${rest.join('.')}`)).map((hostname) => hostname.split('.')[0] ?? '');
    const similar = closest(name, beside);
    const hint = similar === undefined ? 'no service of the mesh has this name' : `did you mean ${similar}?`;
    return { ...missing, message: `backend not found: ${what}, of ${route.kind} in namespace ${route.namespace}`, hint };
  }
  if (service.ports.some(({ number }) => number === port)) return undefined;
  const ports = service.ports.map(({ number }) => number).join(', ');
  return { ...missing, message: `backend not found: ${what} has no port ${port}`, hint: ports === '' ? 'it has no ports' : `it has ${ports}` };
}
