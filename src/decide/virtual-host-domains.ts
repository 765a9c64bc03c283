// Which virtual host an authority belongs to, by Envoy's order: the exact domain, the longest `*.suffix`, the longest `prefix.*`, then `*`.
// Case does not matter.

export class DomainIndex<Host> {
  readonly #ignorePort: boolean;
  readonly #exact = new Map<string, Host>();
  /** Longest first; a wildcard stands for at least one character. */
  readonly #suffixes: Wildcards<Host> = [];
  readonly #prefixes: Wildcards<Host> = [];
  #default: Host | undefined;
  #defaultOnly = true;

  constructor(ignorePort: boolean) {
    this.#ignorePort = ignorePort;
  }

  /** True if the domain was there already (it then stays with its first host). */
  add(domain: string, host: Host): boolean {
    const lower = domain.toLowerCase();
    if (lower === '*') {
      const clash = this.#default !== undefined;
      this.#default ??= host;
      return clash;
    }
    this.#defaultOnly = false;
    if (lower.startsWith('*')) return addWildcard(this.#suffixes, lower.slice(1), host);
    if (lower.endsWith('*')) return addWildcard(this.#prefixes, lower.slice(0, -1), host);
    const clash = this.#exact.has(lower);
    if (!clash) this.#exact.set(lower, host);
    return clash;
  }

  find(authority: string): Host | undefined {
    if (this.#defaultOnly) return this.#default;
    const sent = this.#ignorePort ? withoutPort(authority) : authority;
    // Nearly all clients send lower case: no copy is made for them.
    const exact = this.#exact.get(sent) ?? this.#exact.get(sent.toLowerCase());
    if (exact !== undefined) return exact;
    const host = sent.toLowerCase();
    for (const { length, hosts } of this.#suffixes) {
      if (length >= host.length) continue;
      const found = hosts.get(host.slice(host.length - length));
      if (found !== undefined) return found;
    }
    for (const { length, hosts } of this.#prefixes) {
      if (length >= host.length) continue;
      const found = hosts.get(host.slice(0, length));
      if (found !== undefined) return found;
    }
    return this.#default;
  }

  /** The domain by which `find` answers, as written but in lower case; for explanations only. */
  matchedDomain(authority: string): string | undefined {
    const host = (this.#ignorePort ? withoutPort(authority) : authority).toLowerCase();
    if (this.#exact.has(host)) return host;
    const suffix = this.#suffixes.find(({ length, hosts }) => length < host.length && hosts.has(host.slice(host.length - length)));
    if (suffix !== undefined) return `*${host.slice(host.length - suffix.length)}`;
    const prefix = this.#prefixes.find(({ length, hosts }) => length < host.length && hosts.has(host.slice(0, length)));
    if (prefix !== undefined) return `${host.slice(0, prefix.length)}*`;
    return this.#default === undefined ? undefined : '*';
  }
}

type Wildcards<Host> = { readonly length: number; readonly hosts: Map<string, Host> }[];

function addWildcard<Host>(wildcards: Wildcards<Host>, part: string, host: Host): boolean {
  let group = wildcards.find(({ length }) => length === part.length);
  if (group === undefined) {
    group = { length: part.length, hosts: new Map() };
    wildcards.push(group);
    wildcards.sort((a, b) => b.length - a.length);
  }
  const clash = group.hosts.has(part);
  if (!clash) group.hosts.set(part, host);
  return clash;
}

/** An authority without its port; the colons of an IPv6 address stand in brackets (RFC 3986, section 3.2.2). */
export function withoutPort(authority: string): string {
  const colon = authority.lastIndexOf(':');
  if (colon === -1 || authority.lastIndexOf(']') > colon) return authority;
  return authority.slice(0, colon);
}
