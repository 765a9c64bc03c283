// What Kubernetes demands of an Ingress beyond its schema. Source: Kubernetes, ValidateIngress.
import { type Finding, invalid, type Path } from '#api/finding.ts';
import type { IngressSpec } from '#api/kubernetes/ingress.ts';

type Backend = NonNullable<IngressSpec['defaultBackend']>;

/** All broken rules, in the order of the fields. */
export function checkIngress({ spec = {} }: { readonly spec?: IngressSpec }): readonly Finding[] {
  const { defaultBackend, rules = [] } = spec;
  return [
    ...(defaultBackend === undefined ? [] : checkBackend(defaultBackend, ['spec', 'defaultBackend'])),
    ...(defaultBackend === undefined && rules.length === 0
      ? [invalid(['spec', 'rules'], 'key', 'an Ingress needs rules or a defaultBackend', 'add a rule with a path and a backend')]
      : []),
    ...rules.flatMap(({ host = '', http }, index) => [
      ...checkHost(host, ['spec', 'rules', index, 'host']),
      ...(http?.paths ?? []).flatMap(({ path = '', pathType, backend }, at) => {
        const place: Path = ['spec', 'rules', index, 'http', 'paths', at];
        return [...checkPath(path, pathType, [...place, 'path']), ...checkBackend(backend, [...place, 'backend'])];
      }),
    ]),
  ];
}

function checkBackend({ service, resource }: Backend, path: Path): readonly Finding[] {
  if (service === undefined) return resource === undefined ? [invalid(path, 'key', 'a backend needs a service or a resource')] : [];
  const { name, number } = service.port ?? {};
  if (number !== undefined || (name !== undefined && name !== '')) return [];
  return [invalid([...path, 'service', 'port'], 'key', 'the port of a backend needs a name or a number')];
}

/** A name, or one with a first label `*`; never an address. */
function checkHost(host: string, path: Path): readonly Finding[] {
  const rest = host.startsWith('*.') ? host.slice(2) : host;
  if (host === '' || (/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(rest) && !/^[\d.]+$/.test(rest))) return [];
  return [invalid(path, 'value', `${host} is not a host name, nor a wildcard of one`, 'leave host out to serve all hosts')];
}

/** Exact and Prefix paths begin with a slash and have no dot segments. */
function checkPath(path: string, type: string, place: Path): readonly Finding[] {
  if (type === 'ImplementationSpecific') {
    return path === '' || path.startsWith('/') ? [] : [invalid(place, 'value', `path ${path} does not begin with a slash`)];
  }
  if (!path.startsWith('/')) return [invalid(place, 'value', `a path of type ${type} begins with a slash`)];
  return /\/\/|\/\.\.?(\/|$)|%2f/i.test(path) ? [invalid(place, 'value', `path ${path} has empty, dot or escaped segments`)] : [];
}
