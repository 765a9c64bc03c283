// exportTo, answered: who may see a service, a routing rule or a destination rule.
import { assertNever } from '#base/assert-never.ts';

/** exportTo, resolved: seen everywhere, or in the listed namespaces only. */
export type Visibility = { readonly kind: 'everywhere' } | { readonly kind: 'namespaces'; readonly namespaces: ReadonlySet<string> };

/** Whether a proxy in `namespace` sees it. */
export function isVisibleIn(visibility: Visibility, namespace: string): boolean {
  switch (visibility.kind) {
    case 'everywhere':
      return true;
    case 'namespaces':
      return visibility.namespaces.has(namespace);
    default:
      return assertNever(visibility, 'visibility');
  }
}
