// Which namespaces a Kubernetes label selector chooses. Labels are those of the Namespace resources; every namespace has
// `kubernetes.io/metadata.name`, as on a cluster.
import type { ResourcesByKind } from '#api/kinds.ts';
import type { LabelSelector } from '#api/kubernetes/meta.ts';
import { labelsMatch } from '#model/labels.ts';

export function selectsNamespace(selector: LabelSelector, namespace: string, namespaces: ResourcesByKind['Namespace']): boolean {
  return selects(selector, { 'kubernetes.io/metadata.name': namespace, ...namespaces.get(namespace)?.metadata.labels });
}

/** An empty selector selects everything. Source: Kubernetes, metav1.LabelSelector. */
function selects({ matchLabels = {}, matchExpressions = [] }: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  return (
    labelsMatch(matchLabels, labels) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
      }
    })
  );
}
