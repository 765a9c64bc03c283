// Which namespaces something is open to: allowedRoutes and allowedListeners. Labels are those of the Namespace resources; every namespace has
// `kubernetes.io/metadata.name`, as on a cluster.
import type { AllowedRoutes } from '#api/gateway-api/gateway.ts';
import type { ResourcesByKind } from '#api/kinds.ts';
import type { LabelSelector } from '#api/kubernetes/meta.ts';

export type NamespaceFilter = (namespace: string) => boolean;

type Rule = { readonly from?: NonNullable<AllowedRoutes['namespaces']>['from']; readonly selector?: LabelSelector };

export function namespaceFilter(
  { from, selector }: Rule,
  unsaid: 'Same' | 'None',
  own: string,
  namespaces: ResourcesByKind['Namespace'],
): NamespaceFilter {
  switch (from ?? unsaid) {
    case 'All':
      return () => true;
    case 'None':
      return () => false;
    case 'Selector':
      return (namespace) => selects(selector ?? {}, labelsOf(namespace, namespaces));
    default:
      return (namespace) => namespace === own;
  }
}

function labelsOf(namespace: string, namespaces: ResourcesByKind['Namespace']): Readonly<Record<string, string>> {
  return { 'kubernetes.io/metadata.name': namespace, ...namespaces.get(namespace)?.metadata.labels };
}

/** An empty selector selects everything. Source: Kubernetes, metav1.LabelSelector. */
function selects({ matchLabels = {}, matchExpressions = [] }: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  return (
    Object.entries(matchLabels).every(([name, value]) => labels[name] === value) &&
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
