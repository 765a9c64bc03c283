// What applies to traffic for a host after routing: subsets and balancing.
import type { Origin } from '#base/origin.ts';
import type { HostReference } from '#model/host-reference.ts';
import type { Visibility } from '#model/visibility.ts';

export type DestinationRule = {
  readonly name: string;
  readonly namespace: string;
  readonly host: HostReference;
  readonly policy: TrafficPolicy;
  readonly subsets: readonly Subset[];
  readonly visibility: Visibility;
  readonly origin: Origin;
};

export type Subset = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly policy: TrafficPolicy;
  readonly origin: Origin;
};

/** An absent part means: as the level above says, and at the top Istio's default. */
export type TrafficPolicy = { readonly balancing?: Balancing };

/** loadBalancer.simple; Istio's default is LEAST_REQUEST. */
export type Balancing = { readonly kind: 'round-robin' | 'least-request' | 'random' | 'passthrough'; readonly origin: Origin };
