// In: a Telemetry. Out: what it says of metrics, with each value of a label as a format that both data planes can print; and a diagnostic for what cannot be.
import type { WrittenMetrics, WrittenOverride } from '#api/istio/telemetry.ts';
import type { KindMap } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { createdMs } from '#model/build/precedence.ts';
import { targetReferences } from '#model/build/target-references.ts';
import { formatOfExpression } from '#model/build/telemetry-expression.ts';
import { type LabelChange, metricNames } from '#model/metrics-plan.ts';
import type { MetricsOverride, MetricsRule, Telemetry } from '#model/telemetry.ts';

export type BuiltTelemetry = { readonly telemetry: Telemetry; readonly diagnostics: readonly Diagnostic[] };

type Resource = KindMap['Telemetry'];

export function buildTelemetry(resource: Resource): BuiltTelemetry {
  const { metadata, spec, origins } = resource;
  const { selector, targetRef, targetRefs = [], metrics = [] } = spec;
  const diagnostics: Diagnostic[] = [];
  const targets = targetReferences(targetRefs.length > 0 || targetRef === undefined ? targetRefs : [targetRef], origins);
  const [first] = metrics;
  if (metrics.length > 1) {
    const message = `Telemetry ${metadata.namespace}/${metadata.name} has several rules for metrics, of which only the first counts`;
    diagnostics.push({ code: 'HDL0120', severity: 'warning', message, at: origins.at(['spec', 'metrics', 1]) });
  }
  const labels = selector?.matchLabels ?? {};
  const made = createdMs(metadata);
  const telemetry: Telemetry = {
    name: metadata.name,
    namespace: metadata.namespace,
    ...(Object.keys(labels).length > 0 && { selector: labels }),
    ...(targets.length > 0 && { targets }),
    metrics: first === undefined ? undefined : readMetrics(first, resource, diagnostics),
    ...(made > 0 && { createdMs: made }),
    origin: origins.start,
  };
  return { telemetry, diagnostics };
}

function readMetrics({ providers, overrides = [] }: WrittenMetrics, resource: Resource, diagnostics: Diagnostic[]): MetricsRule {
  for (const [index, { name }] of (providers ?? []).entries()) {
    if (name === 'prometheus') continue;
    const message = `there is no provider ${name} for metrics`;
    const at = resource.origins.at(['spec', 'metrics', 0, 'providers', index, 'name']);
    diagnostics.push({ code: 'HDL0120', severity: 'warning', message, hint: 'metrics are for prometheus', at });
  }
  return {
    ...(providers !== undefined && providers.length > 0 && { providers: providers.map(({ name }) => name) }),
    // What is for a metric that is not Istio's changes none of them.
    overrides: overrides.flatMap((one, index) => (one.match?.customMetric === undefined ? [readOverride(one, index, resource, diagnostics)] : [])),
  };
}

const both = ['client', 'server'] as const;
const sides = { CLIENT_AND_SERVER: both, CLIENT: ['client'], SERVER: ['server'] } as const satisfies Readonly<
  Record<string, MetricsOverride['sides']>
>;

function readOverride(
  { match = {}, disabled, tagOverrides = {} }: WrittenOverride,
  index: number,
  resource: Resource,
  diagnostics: Diagnostic[],
): MetricsOverride {
  const { metric = 'ALL_METRICS', mode = 'CLIENT_AND_SERVER' } = match;
  const labels: Record<string, LabelChange> = {};
  for (const [label, { operation = 'UPSERT', value = '' }] of Object.entries(tagOverrides)) {
    if (operation === 'REMOVE') {
      labels[label] = { kind: 'removed' };
      continue;
    }
    const format = formatOfExpression(value);
    if (format !== undefined) labels[label] = { kind: 'set', format };
    else {
      const at = resource.origins.at(['spec', 'metrics', 0, 'overrides', index, 'tagOverrides', label, 'value']);
      const message = `the label ${label} stays as it is: ${value === '' ? 'nothing is written for it' : `${value} cannot be evaluated`}`;
      const hint =
        "a text in quotes, or an attribute such as request.host, request.method, request.headers['x-name'], response.code, destination.port";
      diagnostics.push({ code: 'HDL0121', severity: 'warning', message, hint, at });
    }
  }
  return {
    metrics: metric === 'ALL_METRICS' ? metricNames : [metric],
    sides: sides[mode],
    ...(disabled !== undefined && { disabled }),
    labels,
  };
}
