// The network filters at work on one connection, before its bytes go to HTTP or TCP: RBAC, and external authorisers whom the caller asks. Differs from
// Envoy: asked when the connection begins instead of at its first byte, so that a server that speaks first says nothing to those who may not listen.
import type { JsonObject } from '@bufbuild/protobuf';
import type { DynamicMetadata } from '#decide/dynamic-metadata.ts';
import type { ExtAuthzEntry } from '#decide/ext-authz-entry.ts';
import type { CheckAnswer } from '#decide/ext-authz-filter.ts';
import type { NetworkFilterEntry } from '#decide/listener-entry.ts';
import type { RbacVerdict } from '#decide/rbac.ts';
import { type CountRbac, runRbacEntry } from '#decide/rbac-filter.ts';
import type { Trace } from '#decide/trace.ts';
import type { ConnectionView } from '#decide/views.ts';

/** What filters leave behind. */
export type ConnectionEffects = { rbac: RbacVerdict | undefined; metadata: DynamicMetadata | undefined };

export function noConnectionEffects(): ConnectionEffects {
  return { rbac: undefined, metadata: undefined };
}

/** `details` goes into the access log as connection termination details, `flag` among the response flags; `why` is for people. */
export type ConnectionDenial = { readonly flag: '' | 'UAEX'; readonly details: string; readonly why: () => string; readonly delayMs: number };

export type ConnectionVerdict =
  | { readonly kind: 'pass' }
  | { readonly kind: 'denied'; readonly denial: ConnectionDenial }
  | { readonly kind: 'check'; readonly authz: ExtAuthzEntry; readonly next: number };

/** Runs the filters from position `from` on, up to the first that has something to say. */
export function runConnectionFilters(
  filters: readonly NetworkFilterEntry[],
  from: number,
  connection: ConnectionView,
  effects: ConnectionEffects,
  count?: CountRbac,
  trace?: Trace,
): ConnectionVerdict {
  for (let position = from; position < filters.length; position++) {
    const filter = filters[position];
    if (filter?.kind === 'rbac') {
      const { verdict, metadata, why } = runRbacEntry(filter.policy, { connection, count, trace }, effects.metadata);
      effects.metadata = metadata;
      if (verdict !== undefined) effects.rbac = verdict;
      if (why !== undefined)
        return { kind: 'denied', denial: { flag: '', details: rbacDetails(verdict?.policy), why, delayMs: filter.policy.delayDenyMs } };
    } else if (filter?.kind === 'ext-authz' && filter.authz.enabledBy?.(effects.metadata) !== false) {
      const { cluster } = filter.authz.service;
      trace?.add({ stage: 'filter', name: 'ext_authz', outcome: 'chosen', because: `${cluster} is asked whether the connection may be` });
      return { kind: 'check', authz: filter.authz, next: position + 1 };
    }
  }
  return { kind: 'pass' };
}

/** Envoy's words for a denial; blanks would break access logs into wrong fields. */
export function rbacDetails(policy: string | undefined): string {
  return `rbac_access_denied_matched_policy[${policy?.replaceAll(/\s/g, '_') ?? 'none'}]`;
}

const metadataName = 'envoy.filters.network.ext_authz';

/** What the authoriser's answer makes of the connection; undefined: it goes on. */
export function applyConnectionCheck(
  authz: ExtAuthzEntry,
  answer: CheckAnswer,
  effects: ConnectionEffects,
  durationMs: number,
): ConnectionDenial | undefined {
  if (answer.kind === 'error') {
    if (authz.failureModeAllow) return undefined;
    return { flag: 'UAEX', details: 'ext_authz_error', why: () => `${authz.service.cluster} could not be asked: ${answer.because}`, delayMs: 0 };
  }
  const found: JsonObject = answer.kind === 'allowed' ? { ...answer.metadata, ext_authz_duration: Math.floor(durationMs) } : answer.metadata;
  effects.metadata = new Map(effects.metadata).set(metadataName, { ...effects.metadata?.get(metadataName), ...found });
  if (answer.kind === 'allowed') return undefined;
  return { flag: 'UAEX', details: 'ext_authz_denied', why: () => `${authz.service.cluster} says no`, delayMs: 0 };
}
