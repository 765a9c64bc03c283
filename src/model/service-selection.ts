// Which workloads stand behind a service: one answer for all who ask.
import { type Labels, labelsMatch } from '#model/labels.ts';
import type { Service } from '#model/service.ts';

/** Whether the service selects the workload: it is of its namespace and has all labels of the selector. Without a selector nothing is selected. */
export function serviceSelects(
  { namespace, selector = {} }: Pick<Service, 'namespace' | 'selector'>,
  workload: { readonly namespace: string; readonly labels: Labels },
): boolean {
  return namespace === workload.namespace && Object.keys(selector).length > 0 && labelsMatch(selector, workload.labels);
}
