// Identities of the mesh under all its names: the own trust domain, its aliases, and `cluster.local`, which in a policy always means the own one.
// Source: Istio, pilot/pkg/security/trustdomain.
import type { MeshSettings } from '#model/mesh.ts';

/** The own trust domain first. */
export function trustDomains({ trustDomain, trustDomainAliases }: Pick<MeshSettings, 'trustDomain' | 'trustDomainAliases'>): readonly string[] {
  return [trustDomain, ...trustDomainAliases];
}

const ownPointer = 'cluster.local';

/** Each principal under every name of its trust domain; those of foreign domains, and those that name none, stay as they are. */
export function principalsWithAliases(principals: readonly string[], domains: readonly string[]): readonly string[] {
  return distinct(
    principals.flatMap((principal) => {
      const parts = principal.split('/');
      const [domain = ''] = parts;
      if (parts.length !== 5 || domain === '*') return [principal];
      if (domain !== ownPointer && !domains.some((own) => overlaps(domain, own))) return [principal];
      // `*-td` stays as it is for the domains it covers.
      return domains.map((own) => (domain.startsWith('*') && own.endsWith(domain.slice(1)) ? principal : [own, ...parts.slice(1)].join('/')));
    }),
  );
}

/** Each trust domain of the mesh stands for all of them. */
export function domainsWithAliases(values: readonly string[], domains: readonly string[]): readonly string[] {
  return distinct(values.flatMap((value) => (domains.includes(value) ? domains : [value])));
}

/** Equal, or one covers the other with a wildcard at its start or end. */
function overlaps(a: string, b: string): boolean {
  return a === b || b === '*' || covers(a, b) || covers(b, a);
}

function covers(pattern: string, text: string): boolean {
  if (pattern.endsWith('*') && text.startsWith(pattern.slice(0, -1))) return true;
  return pattern.startsWith('*') && text.endsWith(pattern.slice(1));
}

function distinct(values: readonly string[]): readonly string[] {
  return [...new Set(values)];
}
