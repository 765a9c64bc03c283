// The HTTP filters in front of routing, in the order of the configuration. The router is the rest of the stack and always last.
import type { HttpFilterEntry } from '#decide/listener-entry.ts';
import { authorize } from '#decide/rbac.ts';
import { rbacSubject } from '#decide/rbac-subject.ts';
import { connectionView } from '#proxy/http/connection-view.ts';
import type { RequestContext } from '#proxy/http/request-context.ts';
import type { Failure } from '#proxy/respond.ts';

/** The first filter's denial, or undefined where all let the request pass. */
export function runFilters(filters: readonly HttpFilterEntry[], context: RequestContext): Failure | undefined {
  for (const filter of filters) {
    if (filter.kind !== 'rbac' || filter.policy.rules === undefined) continue;
    const verdict = authorize(filter.policy.rules, rbacSubject(connectionView(context), context));
    if (!verdict.allowed) return { kind: 'access-denied', policy: verdict.policy };
  }
  return undefined;
}
