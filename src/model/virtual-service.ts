// Routing rules as users wrote them, with their hosts, gateways and destinations resolved.
import type { Origin } from '#base/origin.ts';
import type { HostReference } from '#model/host-reference.ts';
import type { StringMatch } from '#model/string-match.ts';
import type { Visibility } from '#model/visibility.ts';

export type VirtualService = {
  readonly name: string;
  readonly namespace: string;
  readonly hosts: readonly HostReference[];
  /** `mesh`, or `namespace/name` of a Gateway. */
  readonly gateways: readonly string[];
  readonly http: readonly HttpRule[];
  readonly visibility: Visibility;
  readonly origin: Origin;
};

export type HttpRule = {
  readonly name: string;
  /** Any of them suffices; empty matches every request. */
  readonly matches: readonly HttpMatch[];
  readonly destinations: readonly WeightedDestination[];
  readonly origin: Origin;
};

/** All conditions that are given must hold. */
export type HttpMatch = {
  readonly name: string;
  readonly uri?: StringMatch;
  readonly headers: readonly { readonly name: string; readonly match: StringMatch }[];
  readonly withoutHeaders: readonly { readonly name: string; readonly match: StringMatch }[];
  /** `mesh` or gateways; undefined means those of the VirtualService. */
  readonly gateways?: readonly string[];
  readonly origin: Origin;
};

export type WeightedDestination = {
  readonly host: HostReference;
  readonly subset?: string;
  readonly port?: number;
  readonly weight: number;
  readonly origin: Origin;
};
