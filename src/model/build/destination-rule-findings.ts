// What of destination rules Istio accepts although it does nothing, or not what it seems to: a warning each, and an error where nobody can call.
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Origin } from '#base/origin.ts';
import type { DestinationRule, Subset, TrafficPolicy } from '#model/destination-rule.ts';
import { effectivePolicy } from '#model/effective-policy.ts';
import type { Mesh } from '#model/mesh.ts';

export function destinationRuleDiagnostics({
  destinationRules,
  virtualServices,
}: Pick<Mesh, 'destinationRules' | 'virtualServices'>): readonly Diagnostic[] {
  return destinationRules.flatMap((rule) => [
    ...rule.subsets.flatMap((subset, index) => subsetDiagnostics(subset, index, rule)),
    ...failoverDiagnostics(rule),
    ...credentialsOfGateways(rule, virtualServices),
  ]);
}

/** A subset without labels is a usual way to give a policy, or a route of an egress gateway, a name: worth a word only where it says nothing. */
function subsetDiagnostics({ name, labels, policy, origin }: Subset, index: number, { subsets }: DestinationRule): readonly Diagnostic[] {
  const first = subsets.find((subset) => subset.name === name);
  if (first !== undefined && subsets.indexOf(first) < index) {
    const related = [{ message: 'the first one, which counts', at: first.origin }];
    return [
      { code: 'HDL0039', severity: 'warning', message: `subset ${name} is defined twice in this rule`, hint: 'rename it', at: origin, related },
    ];
  }
  if (Object.keys(labels).length > 0 || policy !== undefined) return [];
  const message = `subset ${name} has neither labels nor a policy, so it is every endpoint of the host, as without a subset`;
  return [{ code: 'HDL0038', severity: 'info', message, hint: 'where only some Pods are meant, give it their labels', at: origin }];
}

/** Once for each place that speaks of failover: a level of the rule, or a port of it. */
function failoverDiagnostics(rule: DestinationRule): readonly Diagnostic[] {
  const places = new Set<Origin>();
  for (const subset of [undefined, ...rule.subsets]) {
    const own = subset === undefined ? rule.policy : subset.policy;
    for (const port of [0, ...(own?.ports.keys() ?? [])]) {
      const policy = effectivePolicy(rule, port, subset);
      const place = policy === undefined ? undefined : unwatchedFailover(policy);
      if (place !== undefined) places.add(place);
    }
  }
  return [...places].map((at) => ({
    code: 'HDL0038',
    severity: 'warning',
    message: 'failover does nothing without outlierDetection: nobody would notice that endpoints fail',
    hint: 'add outlierDetection, such as consecutive5xxErrors: 3, to the same trafficPolicy',
    at,
  }));
}

/** Where zones are balanced by Envoy itself, and where shares are given, priorities do not depend on errors. */
function unwatchedFailover({ loadBalancer, outlierDetection }: TrafficPolicy): Origin | undefined {
  const locality = loadBalancer?.locality;
  if (outlierDetection !== undefined || locality === undefined || !locality.enabled || locality.kind === 'zone-aware') return undefined;
  return locality.failover.length > 0 || locality.failoverPriority.length > 0 ? locality.origin : undefined;
}

/**
 * Credentials in rules for all clients: only gateways may have them. Differs from Istio, whose sidecars call without TLS then: here they do not call.
 * An error, unless rules of their own say where sidecars send what is for the host, such as to an egress gateway.
 */
function credentialsOfGateways(
  { host, policy, subsets, workloadSelector }: DestinationRule,
  virtualServices: Mesh['virtualServices'],
): readonly Diagnostic[] {
  if (workloadSelector !== undefined) return [];
  const levels = [policy, ...subsets.map((subset) => subset.policy)].flatMap((level) =>
    level === undefined ? [] : [level, ...level.ports.values()],
  );
  return levels.flatMap(({ tls }): readonly Diagnostic[] => {
    if (tls?.credentialName === undefined || tls.forEverybody === true || (tls.mode !== 'simple' && tls.mode !== 'mutual')) return [];
    const isRouted = virtualServices.some(
      ({ gateways, hosts }) => gateways.includes('mesh') && hosts.some(({ hostname }) => hostname === host.hostname),
    );
    const message = `credentialName is for gateways here: sidecars are not given ${tls.credentialName}, and cannot call ${host.hostname} by this rule`;
    const hint = 'where sidecars are meant to begin TLS, choose them by workloadSelector, or name certificate files';
    return [{ code: 'HDL0038', severity: isRouted ? 'warning' : 'error', message, hint, at: tls.origin }];
  });
}
