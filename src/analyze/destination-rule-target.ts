// A DestinationRule for a host that nobody has (IST0174), or with a subset that no Pod of the host belongs to (IST0173). Source: Istio's
// destinationrule.PodNotSelectedAnalyzer.
import { type Analyzer, formatLabels } from '#analyze/analyzer.ts';
import { qualify } from '#analyze/destination-host.ts';
import type { Facts } from '#analyze/facts.ts';
import type { KindMap } from '#api/kinds.ts';
import { closest } from '#base/closest.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { isWildcard } from '#model/hostname.ts';
import { labelsMatch } from '#model/labels.ts';

export const destinationRuleTarget: Analyzer = {
  name: 'destination-rule-target',
  run: (facts) => [...facts.resources.DestinationRule.values()].flatMap((rule) => checkRule(rule, facts)),
};

function checkRule(rule: KindMap['DestinationRule'], facts: Facts): readonly Diagnostic[] {
  const { metadata, spec, origins } = rule;
  const hostname = qualify(spec.host, metadata.namespace, facts.domain);
  // A wildcard is meant for whatever there is, now or later.
  if (isWildcard(hostname)) return [];
  const { exportTo = [] } = spec;
  const viewers = exportTo.length === 0 ? [metadata.namespace] : exportTo.map((scope) => (scope === '.' ? metadata.namespace : scope));
  const host = facts.hosts.find(hostname, viewers);
  if (host === undefined) {
    const similar = closest(
      hostname,
      facts.hosts.all().map((known) => known.hostname),
    );
    const sameName = facts.hosts.all().find((known) => known.name === spec.host);
    const guess = sameName?.hostname ?? similar;
    const message = `host "${spec.host}" is no service of the mesh${hostname === spec.host ? '' : ` (it means ${hostname})`}`;
    return [
      {
        code: 'IST0174',
        severity: 'warning',
        message,
        ...(guess !== undefined && { hint: `did you mean ${guess}?` }),
        at: origins.at(['spec', 'host']),
      },
    ];
  }
  return (spec.subsets ?? []).flatMap(({ name, labels = {} }, index): readonly Diagnostic[] => {
    if (host.kind === 'ServiceEntry') return [];
    const wanted = { ...host.selector, ...labels };
    const isOfHost = facts.templates.filter(({ namespace, labels: has }) => namespace === host.namespace && labelsMatch(host.selector, has));
    if (isOfHost.some(({ labels: has }) => labelsMatch(wanted, has))) return [];
    const at = origins.at(['spec', 'subsets', index, Object.keys(labels).length === 0 ? 'name' : 'labels']);
    const has = isOfHost.map((template) => formatLabels(template.labels)).filter((text) => text !== '');
    const hint = has.length === 0 ? `no Pod belongs to ${hostname}` : `the Pods of ${hostname} have: ${[...new Set(has)].join('; ')}`;
    return [{ code: 'IST0173', severity: 'error', message: `subset ${name} selects no Pod: none has ${formatLabels(wanted)}`, hint, at }];
  });
}
