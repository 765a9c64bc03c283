// All destinations that a VirtualService names, with their places.
import type { Destination } from '#api/istio/virtual-service.ts';
import type { KindMap } from '#api/kinds.ts';

export type WrittenDestination = {
  readonly destination: Destination;
  /** Path of the destination, `spec.http[0].route[0].destination`. */
  readonly path: readonly (string | number)[];
  readonly isMirror: boolean;
};

/** Destinations of tcp, tls and http routes, then of mirrors. */
export function routeDestinations({ spec }: KindMap['VirtualService']): readonly WrittenDestination[] {
  const found: WrittenDestination[] = [];
  for (const protocol of ['tcp', 'tls', 'http'] as const) {
    for (const [rule, { route = [] }] of (spec[protocol] ?? []).entries()) {
      for (const [index, { destination }] of route.entries()) {
        found.push({ destination, path: ['spec', protocol, rule, 'route', index, 'destination'], isMirror: false });
      }
    }
  }
  for (const [rule, { mirror, mirrors = [] }] of (spec.http ?? []).entries()) {
    if (mirror !== undefined) found.push({ destination: mirror, path: ['spec', 'http', rule, 'mirror'], isMirror: true });
    for (const [index, { destination }] of mirrors.entries()) {
      found.push({ destination, path: ['spec', 'http', rule, 'mirrors', index, 'destination'], isMirror: true });
    }
  }
  return found;
}
