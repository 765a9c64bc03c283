// Host names as Istio compares them: exact, or with a leading wildcard (`*`, `*.example.com`). Pure text, lower case.

/** True for `*` and `*.example.com`. */
export function isWildcard(host: string): boolean {
  return host.startsWith('*');
}

/**
 * Whether two hosts have anything in common: equal, or one covers the other. `*.foo.com` does not cover `foo.com`.
 * Source: Istio, VirtualService.hosts and Gateway servers[].hosts.
 */
export function hostsOverlap(a: string, b: string): boolean {
  if (isWildcard(a)) {
    if (!isWildcard(b)) return b.endsWith(a.slice(1));
    return a.length < b.length ? b.slice(1).endsWith(a.slice(1)) : a.slice(1).endsWith(b.slice(1));
  }
  return isWildcard(b) ? a.endsWith(b.slice(1)) : a === b;
}

/** Whether every name that `inner` stands for is also one of `outer`. */
export function hostCovers(outer: string, inner: string): boolean {
  if (!isWildcard(outer)) return outer === inner;
  if (isWildcard(inner) && inner.length < outer.length) return false;
  return isWildcard(inner) ? inner.slice(1).endsWith(outer.slice(1)) : inner.endsWith(outer.slice(1));
}

/** The more specific of two overlapping hosts; undefined where they have nothing in common. */
export function commonHost(a: string, b: string): string | undefined {
  if (hostCovers(a, b)) return b;
  return hostCovers(b, a) ? a : undefined;
}

/** The hosts that both lists allow: of each overlapping pair the more specific one, without repeats, in the order of `a`. */
export function intersectHosts(a: readonly string[], b: readonly string[]): readonly string[] {
  const common = new Set<string>();
  for (const left of a) {
    for (const right of b) {
      const both = commonHost(left, right);
      if (both !== undefined) common.add(both);
    }
  }
  return [...common];
}

/** Negative when `a` is more specific than `b`: exact before wildcard, a longer wildcard before a shorter one. */
export function compareSpecificity(a: string, b: string): number {
  if (isWildcard(a) !== isWildcard(b)) return isWildcard(a) ? 1 : -1;
  return b.length - a.length;
}
