// Which namespaces something is open to: allowedRoutes and allowedListeners.
import type { AllowedRoutes } from '#api/gateway-api/gateway.ts';
import type { ResourcesByKind } from '#api/kinds.ts';
import type { LabelSelector } from '#api/kubernetes/meta.ts';
import { selectsNamespace } from '#model/build/namespace-labels.ts';

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
      return (namespace) => selectsNamespace(selector ?? {}, namespace, namespaces);
    default:
      return (namespace) => namespace === own;
  }
}
