// What all analyzers look at, gathered once: the resources, who makes which Pods, which hosts exist.
import { HostIndex } from '#analyze/host-index.ts';
import { type PodTemplateView, podTemplates } from '#analyze/pod-template.ts';
import type { ResourcesByKind } from '#api/kinds.ts';
import { labelsMatch } from '#model/labels.ts';

export type Facts = {
  readonly resources: ResourcesByKind;
  readonly templates: readonly PodTemplateView[];
  readonly hosts: HostIndex;
  /** `cluster.local`. */
  readonly domain: string;
};

/** Gathers the facts. `domain` is the suffix of service names, `cluster.local`. */
export function gatherFacts(resources: ResourcesByKind, domain: string): Facts {
  return { resources, templates: podTemplates(resources), hosts: new HostIndex(resources, domain), domain };
}

/** The workloads that a selector picks in a namespace. An empty selector picks none, as in a Service. */
export function selectedTemplates(facts: Facts, namespace: string, selector: Readonly<Record<string, string>>): readonly PodTemplateView[] {
  if (Object.keys(selector).length === 0) return [];
  return facts.templates.filter((template) => template.namespace === namespace && labelsMatch(selector, template.labels));
}
