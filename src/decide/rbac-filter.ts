// The RBAC filter in the list of filters, for requests and for raw connections: shadow rules leave their verdict in the metadata, LOG rules a hint
// for access logs, the others let pass or not. Source: Envoy, RoleBasedAccessControlFilter::decodeHeaders and onData.
import type { JsonObject } from '@bufbuild/protobuf';
import type { DynamicMetadata } from '#decide/dynamic-metadata.ts';
import { authorize, type RbacEntry, type RbacVerdict } from '#decide/rbac.ts';
import { describeDenial } from '#decide/rbac-denial.ts';
import { rbacSubject } from '#decide/rbac-subject.ts';
import type { Trace } from '#decide/trace.ts';
import type { ConnectionView, RequestView } from '#decide/views.ts';

/** Where the findings of HTTP filters stand in the metadata, and those of network filters, whatever a filter is called. */
const namespaces = { http: 'envoy.filters.http.rbac', network: 'envoy.filters.network.rbac' } as const;

/** What RBAC counts, by Envoy's names. */
export type RbacOutcome = 'allowed' | 'denied' | 'shadow_allowed' | 'shadow_denied';
export type CountRbac = (entry: RbacEntry, outcome: RbacOutcome, policy: string | undefined) => void;

export type RbacAsked = {
  readonly connection: ConnectionView;
  readonly request?: RequestView | undefined;
  readonly trace?: Trace | undefined;
  readonly count?: CountRbac | undefined;
};

/** `verdict` undefined: there are no rules, all pass. `metadata` is the one given where nothing was found out. `why`: a denial in words. */
export type RbacResult = {
  readonly verdict: RbacVerdict | undefined;
  readonly metadata: DynamicMetadata | undefined;
  readonly why: (() => string) | undefined;
};

export function runRbacEntry(entry: RbacEntry, asked: RbacAsked, before: DynamicMetadata | undefined): RbacResult {
  const { connection, request, trace, count } = asked;
  const { rules, shadow } = entry;
  let metadata = before;
  if (shadow !== undefined) {
    const { allowed, policy } = authorize(shadow, rbacSubject(connection, request, metadata));
    metadata = addMetadata(metadata, request === undefined ? namespaces.network : namespaces.http, shadowFindings(entry, allowed, policy));
    count?.(entry, allowed ? 'shadow_allowed' : 'shadow_denied', policy);
  }
  if (rules === undefined) return { verdict: undefined, metadata, why: undefined };
  const subject = rbacSubject(connection, request, metadata);
  const verdict = authorize(rules, subject, trace);
  count?.(entry, verdict.allowed ? 'allowed' : 'denied', verdict.policy);
  if (rules.action === 'log') metadata = addMetadata(metadata, 'envoy.common', { access_log_hint: verdict.policy !== undefined });
  return { verdict, metadata, why: verdict.allowed ? undefined : () => describeDenial(rules, verdict.policy, subject) };
}

function shadowFindings({ shadowStatPrefix }: RbacEntry, allowed: boolean, policy: string | undefined): JsonObject {
  const result = { [`${shadowStatPrefix}shadow_engine_result`]: allowed ? 'allowed' : 'denied' };
  return policy === undefined ? result : { ...result, [`${shadowStatPrefix}shadow_effective_policy_id`]: policy };
}

/** What was known under that name stays beside it. */
function addMetadata(before: DynamicMetadata | undefined, name: string, found: JsonObject): DynamicMetadata {
  return new Map(before).set(name, { ...before?.get(name), ...found });
}
