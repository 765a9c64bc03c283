// The HTTP filters of a connection manager as compiled, and what routes may say about them (typed_per_filter_config). Immutable.

import type { CorsEntry } from '#decide/cors.ts';
import type { ExtAuthzEntry, ExtAuthzOfRoute } from '#decide/ext-authz-entry.ts';
import type { FaultEntry } from '#decide/fault.ts';
import type { JwtEntry } from '#decide/jwt-entry.ts';
import type { RateLimitEntry } from '#decide/rate-limit.ts';
import type { RbacEntry } from '#decide/rbac.ts';

/** `disabled`: it only runs on routes that have a configuration for it. */
type Filter<Kind extends string> = { readonly kind: Kind; readonly name: string; readonly disabled: boolean };

export type HttpFilterEntry =
  | (Filter<'router'> & { readonly suppressEnvoyHeaders: boolean })
  | (Filter<'rbac'> & { readonly policy: RbacEntry })
  | (Filter<'ext-authz'> & { readonly authz: ExtAuthzEntry })
  | (Filter<'jwt'> & { readonly jwt: JwtEntry })
  | Filter<'cors'>
  /** ALPN names for connections to the request's cluster; undefined: the cluster's. Asked by the router, so it never acts by itself. */
  | (Filter<'filter-state'> & { readonly protocols: readonly string[] | undefined })
  | Filter<'grpc-web'>
  | (Filter<'fault'> & { readonly fault: FaultEntry })
  | (Filter<'rate-limit'> & { readonly limit: RateLimitEntry })
  /** Bodies are taken in whole before the request goes on; `maxBytes` 0: no limit of its own. */
  | (Filter<'buffer'> & { readonly maxBytes: number });

/** What a route says about the filter of one name. `on`: nothing but that it runs. */
export type RouteFilter =
  | { readonly kind: 'off' }
  | { readonly kind: 'on' }
  /** No token is asked for. */
  | { readonly kind: 'jwt-off' }
  | { readonly kind: 'rbac'; readonly policy: RbacEntry | undefined }
  | { readonly kind: 'ext-authz'; readonly check: ExtAuthzOfRoute }
  | { readonly kind: 'cors'; readonly policy: CorsEntry }
  | { readonly kind: 'filter-state'; readonly protocols: readonly string[] | undefined }
  | { readonly kind: 'fault'; readonly fault: FaultEntry }
  | { readonly kind: 'rate-limit'; readonly limit: RateLimitEntry }
  | { readonly kind: 'buffer'; readonly maxBytes: number };

/** By the filter's name in the connection manager. Most routes have none: then it is undefined, and no filter has to look. */
export type RouteFilters = ReadonlyMap<string, RouteFilter>;

/** Whether a filter may act on a request whose route says nothing about it. One that cannot costs such requests nothing. */
export function actsByItself(filter: HttpFilterEntry): boolean {
  if (filter.disabled) return false;
  switch (filter.kind) {
    case 'router':
    case 'cors':
    case 'filter-state':
      return false;
    case 'rbac':
      return filter.policy.rules !== undefined || filter.policy.shadow !== undefined;
    case 'fault':
      return filter.fault.delayShare > 0 || filter.fault.abortShare > 0;
    case 'rate-limit':
      return filter.limit.enabled > 0;
    case 'jwt':
      return filter.jwt.rules.length > 0 || filter.jwt.ownHeaders.length > 0;
    case 'ext-authz':
    case 'grpc-web':
    case 'buffer':
      return true;
  }
}
