// In: a name, and who asks. Out: the host of the table that is meant, and by which of its names: whole, short, by a wildcard, or with the client's own
// search domain behind it. Pure. Source: Istio, generateAltHosts, lookupHost and buildDNSAnswers.
import { withoutSuffix } from '#dns/dns-name.ts';
import type { HostEntry, NameIndex } from '#dns/name-index.ts';

/** Whose short names hold. */
export type DnsClient = {
  readonly namespace: string;
  /** `svc.cluster.local`: what follows the namespace in names of Services; empty where short names are not answered. */
  readonly domain: string;
};

export type Match = 'exact' | 'short' | 'wildcard';

export type Found = {
  readonly entry: HostEntry;
  readonly match: Match;
  /**
   * The name that is meant, where the client's resolver put its first search domain behind it: `api.example.com` of
   * `api.example.com.default.svc.cluster.local`. Answered by a CNAME, so that the resolver need not try its other domains.
   */
  readonly expandedFrom?: string;
};

/** The proxy's own part of a node id's domain: `default.svc.cluster.local` in namespace `default` → `svc.cluster.local`. */
export function dnsClient(namespace: string, dnsDomain: string): DnsClient {
  return { namespace, domain: withoutPrefix(dnsDomain.toLowerCase(), `${namespace.toLowerCase()}.`) };
}

/** Undefined where the table has no such host. */
export function lookUp(index: NameIndex, client: DnsClient, name: string): Found | undefined {
  const whole = exactly(index, client, name);
  if (whole !== undefined) return whole;
  const searched = beforeSearchDomain(client, name);
  if (searched !== undefined) {
    const found = exactly(index, client, searched);
    if (found !== undefined) return { ...found, expandedFrom: searched };
  }
  const wildcard = byWildcard(index, name);
  const expanded = searched === undefined ? undefined : byWildcard(index, searched);
  // The longer wildcard is meant; that of the expanded name has the search domain behind it.
  if (
    expanded !== undefined &&
    searched !== undefined &&
    (wildcard === undefined || wildcard.host.length <= expanded.host.length + name.length - searched.length)
  ) {
    return { entry: expanded, match: 'wildcard', expandedFrom: searched };
  }
  return wildcard === undefined ? undefined : { entry: wildcard, match: 'wildcard' };
}

/** Names of the search domain itself are whole already: with the domain twice they are none. */
function beforeSearchDomain({ namespace, domain }: DnsClient, name: string): string | undefined {
  if (domain === '') return undefined;
  const searched = withoutSuffix(name, `${namespace}.${domain}`);
  return searched === undefined || withoutSuffix(searched, `${namespace}.${domain}`) !== undefined ? undefined : searched;
}

function exactly(index: NameIndex, client: DnsClient, name: string): Found | undefined {
  const entry = index.get(name);
  if (entry !== undefined) return { entry, match: 'exact' };
  const short = client.domain === '' ? undefined : byShortName(index, client, name);
  return short === undefined ? undefined : { entry: short, match: 'short' };
}

/** `reviews.default`, `reviews.default.svc`, and in its namespace `reviews`; a pod of a headless service likewise, `db-0.db`. */
function byShortName(index: NameIndex, { namespace, domain }: DnsClient, name: string): HostEntry | undefined {
  const dot = domain.indexOf('.');
  const [first, rest] = dot < 0 ? [domain, ''] : [domain.slice(0, dot), domain.slice(dot + 1)];
  const candidates = [`${name}.${domain}`, `${name}.${namespace}.${domain}`];
  if (name.endsWith(`.${first}`) && rest !== '') candidates.push(`${name}.${rest}`);
  return candidates.map((candidate) => index.get(candidate)).find((entry) => entry !== undefined && isShort(entry, { namespace, first, name }));
}

function isShort(
  { isKubernetes, short, namespace: home }: HostEntry,
  { namespace, first, name }: { readonly namespace: string; readonly first: string; readonly name: string },
): boolean {
  if (!isKubernetes || short === undefined) return false;
  return name === short || name === `${short}.${first}` || (home === namespace && `${name}.${namespace}` === short);
}

/** `*.b.c`, then `*.c`, for `a.b.c`. */
function byWildcard(index: NameIndex, name: string): HostEntry | undefined {
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
    const entry = index.get(`*${name.slice(dot)}`);
    if (entry !== undefined) return entry;
  }
  return undefined;
}

function withoutPrefix(text: string, prefix: string): string {
  return text.startsWith(prefix) ? text.slice(prefix.length) : text;
}
