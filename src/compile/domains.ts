// Which Host headers mean a service: its full name, the short forms a client in the same cluster may use, its aliases, and its addresses.
// Source: Istio, generateVirtualHostDomains and GenerateAltVirtualHosts.
import { isIP, isIPv6 } from 'node:net';
import { addressesFor, type Service } from '#model/service.ts';

/** `port` adds each name with it, for tables that several ports share; without it, ports are ignored when matching. */
export type DomainOptions = { readonly clientDnsDomain: string; readonly capturesDns?: boolean; readonly port?: number };

export type ServiceDomains = {
  readonly domains: readonly string[];
  /** Those of them that are short forms or aliases, and give way to a service or rule that really has that name. */
  readonly shortForms: ReadonlySet<string>;
};

export function serviceDomains(service: Service, options: DomainOptions): ServiceDomains {
  const ofAliases = (service.aliases ?? []).flatMap((alias) => [alias, ...otherForms(alias, options.clientDnsDomain)]);
  const shortForms = [...otherForms(service.hostname, options.clientDnsDomain), ...ofAliases];
  const names = [hostInDomain(service.hostname), ...shortForms];
  // A client of a headless service may ask for one of its pods, `db-0.db`.
  if (service.headless) names.push(...names.map((name) => `*.${name}`));
  names.push(...addressesFor(service, options).flatMap(asHost));
  return { domains: withPort(names, options.port), shortForms: new Set(withPort(shortForms, options.port)) };
}

/** An address as the Host header has it; nobody asks for a block of them. */
function asHost(address: string): readonly string[] {
  return address.includes('/') ? [] : [hostInDomain(address)];
}

/** As it stands in a Host header: IPv6 in brackets. */
export function hostInDomain(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}

/** With a dot behind it, which DNS takes for the same name, and shortened. */
function otherForms(hostname: string, clientDnsDomain: string): readonly string[] {
  if (isIP(hostname) !== 0) return [];
  const shortened = clientDnsDomain.includes('.svc.') ? shortNames(hostname, clientDnsDomain) : withoutSharedDomain(hostname, clientDnsDomain);
  return [`${hostname}.`, ...shortened];
}

/** `hello`, `hello.default.svc` and `hello.default` in the same namespace; only the latter two from another. */
function shortNames(hostname: string, clientDnsDomain: string): readonly string[] {
  const suffixAt = clientDnsDomain.indexOf('.svc.');
  const marker = hostname.indexOf('.svc.');
  if (marker < 0 || !hostname.endsWith(clientDnsDomain.slice(suffixAt))) return [];
  const nameAndNamespace = hostname.slice(0, marker);
  // A pod of a headless service has a name with a dot, `db-0.db`.
  const dot = nameAndNamespace.lastIndexOf('.');
  if (dot < 0) return [];
  const outside = [`${nameAndNamespace}.svc`, nameAndNamespace];
  return nameAndNamespace.slice(dot + 1) === clientDnsDomain.slice(0, suffixAt) ? [nameAndNamespace.slice(0, dot), ...outside] : outside;
}

/** Outside of Kubernetes: `foo.local` and `foo.local.campus` of `foo.local.campus.net`, for a client in `remote.campus.net`. */
function withoutSharedDomain(hostname: string, clientDnsDomain: string): readonly string[] {
  const own = hostname.split('.');
  const client = clientDnsDomain.split('.');
  let shared = 0;
  while (shared < Math.min(own.length, client.length) && own.at(-1 - shared) === client.at(-1 - shared)) shared++;
  if (shared === 0) return [];
  const unique = own.slice(0, own.length - shared);
  const short = unique.join('.');
  return unique.length === 2 ? [short, `${short}.${own[unique.length]}`] : [short];
}

function withPort(names: readonly string[], port: number | undefined): readonly string[] {
  return port === undefined ? names : names.flatMap((name) => [name, `${name}:${port}`]);
}
