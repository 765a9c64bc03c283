// A rule of an AuthorizationPolicy asks for callers of a namespace that does not exist (IST0101). Asked only where the files say which namespaces
// there are. Source: Istio's auth.AuthorizationPoliciesAnalyzer.
import { type Analyzer, notFound } from '#analyze/analyzer.ts';
import type { KindMap } from '#api/kinds.ts';
import { closest } from '#base/closest.ts';
import type { Diagnostic } from '#base/diagnostic.ts';

export const authorizationNamespace: Analyzer = {
  name: 'authorization-namespace',
  run: ({ resources, templates }) => {
    if (resources.Namespace.size === 0) return [];
    const known = new Set([...resources.Namespace.keys(), ...templates.map(({ namespace }) => namespace)]);
    return [...resources.AuthorizationPolicy.values()].flatMap((policy) => checkPolicy(policy, [...known]));
  },
};

function checkPolicy({ spec, origins }: KindMap['AuthorizationPolicy'], known: readonly string[]): readonly Diagnostic[] {
  return (spec.rules ?? []).flatMap(({ from = [] }, rule) =>
    from.flatMap(({ source = {} }, index) =>
      (['namespaces', 'notNamespaces'] as const).flatMap((field) =>
        (source[field] ?? []).flatMap((written, place) => {
          if (known.some((namespace) => matches(written, namespace))) return [];
          const near = closest(written, known);
          const at = origins.at(['spec', 'rules', rule, 'from', index, 'source', field, place]);
          return [notFound('namespace', written, at, near === undefined ? undefined : `did you mean ${near}?`)];
        }),
      ),
    ),
  );
}

/** `*` stands for any part of the name. */
function matches(pattern: string, namespace: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 'i').test(namespace);
}
