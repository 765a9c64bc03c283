// A Service whose selector picks no Pod has no endpoint: each request to it is answered with 503 (HDL0020; Istio has no message for it). Says
// which Pod was nearly picked and the labels it lacks.
import { type Analyzer, formatLabels } from '#analyze/analyzer.ts';
import { defaultGateway } from '#analyze/default-gateway.ts';
import { type Facts, selectedTemplates } from '#analyze/facts.ts';
import type { PodTemplateView } from '#analyze/pod-template.ts';
import type { KindMap } from '#api/kinds.ts';
import { closest } from '#base/closest.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { labelsMatch } from '#model/labels.ts';

export const serviceSelector: Analyzer = {
  name: 'service-selector',
  run: (facts) => [...facts.resources.Service.values()].flatMap((service) => checkService(service, facts)),
};

function checkService(service: KindMap['Service'], facts: Facts): readonly Diagnostic[] {
  const { metadata, spec, origins } = service;
  const { selector = {} } = spec;
  if (Object.keys(selector).length === 0 || spec.type === 'ExternalName') return [];
  if (selectedTemplates(facts, metadata.namespace, selector).length > 0 || hasEndpoints(service, facts)) return [];
  if (metadata.namespace === defaultGateway.namespace && labelsMatch(selector, defaultGateway.labels)) return [];
  const candidate = nearestPod(service, facts.templates);
  const message = `Service ${metadata.namespace}/${metadata.name} selects no Pod, so it has no endpoint and requests to it get 503`;
  const diagnostic: Diagnostic = { code: 'HDL0020', severity: 'error', message, at: origins.at(['spec', 'selector']) };
  if (candidate === undefined) return [{ ...diagnostic, hint: `give a Pod of namespace ${metadata.namespace} the labels ${formatLabels(selector)}` }];
  const { title, labels, at, kind, namespace } = candidate;
  if (namespace !== metadata.namespace) {
    const hint = `a Service selects Pods of its own namespace only: move one of the two into the namespace of the other`;
    return [
      { ...diagnostic, hint, related: [{ message: `${title} has the labels, but is in namespace ${namespace}`, at: at(['metadata', 'labels']) }] },
    ];
  }
  const missing = Object.fromEntries(Object.entries(selector).filter(([name, value]) => labels[name] !== value));
  const lacks = `${title} lacks ${Object.keys(missing).length === 1 ? 'label' : 'labels'} ${formatLabels(missing)}${slip(missing, labels)}`;
  const place = kind === 'Pod' ? 'metadata.labels' : 'spec.template.metadata.labels';
  return [{ ...diagnostic, hint: `${lacks}: add to its ${place}`, related: [{ message: lacks, at: at(['metadata', 'labels']) }] }];
}

/** Endpoints can also be given by hand. */
function hasEndpoints({ metadata }: KindMap['Service'], { resources }: Facts): boolean {
  return [...resources.EndpointSlice.values()].some(
    (slice) => slice.metadata.namespace === metadata.namespace && slice.metadata.labels['kubernetes.io/service-name'] === metadata.name,
  );
}

/** The Pod that was most probably meant: by labels, then by port, then by name. */
function nearestPod(service: KindMap['Service'], templates: readonly PodTemplateView[]): PodTemplateView | undefined {
  const { selector = {} } = service.spec;
  const elsewhere = templates.find((template) => labelsMatch(selector, template.labels));
  if (elsewhere !== undefined) return elsewhere;
  let best: { readonly template: PodTemplateView; readonly score: number } | undefined;
  for (const template of templates) {
    if (template.namespace !== service.metadata.namespace) continue;
    const score = likeness(service, template);
    if (score > (best?.score ?? 0)) best = { template, score };
  }
  return best?.template;
}

function likeness({ metadata, spec }: KindMap['Service'], { labels, name, spec: pod }: PodTemplateView): number {
  const sharedLabels = Object.entries(spec.selector ?? {}).filter(
    ([label, value]) => labels[label] === value || Object.values(labels).includes(value),
  ).length;
  const ports = new Set(pod.containers.flatMap((container) => (container.ports ?? []).map(({ containerPort }) => containerPort)));
  const sharesPort = (spec.ports ?? []).some(({ port, targetPort = port }) => typeof targetPort === 'number' && ports.has(targetPort));
  const sharesName = name.includes(metadata.name) || pod.containers.some((container) => container.name === metadata.name);
  return sharedLabels * 4 + (sharesName ? 2 : 0) + (sharesPort && sharesName ? 1 : 0);
}

/** ` (it has app: helo)`, where a label with nearly that name or value is there. */
function slip(missing: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): string {
  for (const [name, value] of Object.entries(missing)) {
    const has = labels[name];
    if (has !== undefined) return ` (it has ${name}: ${has})`;
    const similar = closest(
      name,
      Object.keys(labels).filter((candidate) => labels[candidate] === value),
    );
    if (similar !== undefined) return ` (it has ${similar}: ${value})`;
  }
  return '';
}
