// In: a virtual service that hands requests on to others (`delegate`), and those. Out: one virtual service with the rules of all. A rule whose
// delegate is missing, not visible, or at odds with it is left out and reported; the others stay. Source: Istio, mergeVirtualServices.
import { closest } from '#base/closest.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { joinNames, mergeMatches } from '#model/build/delegate-match.ts';
import type { Delegation, WrittenVirtualService } from '#model/build/virtual-service.ts';
import type { HttpRule, VirtualService } from '#model/virtual-service.ts';
import { isVisibleIn } from '#model/visibility.ts';

export type Delegated = { readonly virtualService: VirtualService; readonly diagnostics: readonly Diagnostic[] };

/** Every virtual service of the mesh by `namespace/name`, with those that delegate. */
export type FindVirtualService = (key: string) => WrittenVirtualService | undefined;

export function mergeDelegates(root: WrittenVirtualService, find: FindVirtualService, delegates: readonly string[]): Delegated {
  const diagnostics: Diagnostic[] = [];
  const http = root.http.flatMap((rule): readonly HttpRule[] => {
    if (rule.delegate === undefined) return [rule];
    const { delegate, ...rootRule } = rule;
    const child = find(`${delegate.namespace}/${delegate.name}`);
    const problem = child === undefined ? missing(delegate, delegates) : unusable(delegate, child, root);
    if (child === undefined || problem !== undefined) {
      if (problem !== undefined) diagnostics.push(problem);
      return [];
    }
    return child.http.flatMap((childRule): readonly HttpRule[] => {
      const merged = mergeRule(rootRule, childRule);
      if (merged === undefined) diagnostics.push(conflicting(rootRule, childRule, root, child));
      return merged === undefined ? [] : [merged];
    });
  });
  return { virtualService: { ...root, http }, diagnostics };
}

/** The delegate's rule, with the root's word wherever it says nothing itself; undefined where the two match no request in common. */
function mergeRule(root: HttpRule, child: HttpRule): HttpRule | undefined {
  const matches = mergeMatches(root.matches, child.matches);
  if (matches === undefined) return undefined;
  const { name: _name, matches: _matches, destinations: _destinations, origin, ...inherited } = root;
  return { ...inherited, ...child, name: joinNames(root.name, child.name), matches, delegatedBy: origin };
}

function missing({ namespace, name, origin }: Delegation, delegates: readonly string[]): Diagnostic {
  const similar = closest(`${namespace}/${name}`, delegates);
  return {
    code: 'HDL0014',
    severity: 'error',
    message: `delegate VirtualService ${namespace}/${name} not found: the rule is left out, and its requests go on to the next one`,
    hint: similar === undefined ? 'there is no VirtualService without hosts of this name' : `did you mean ${similar}?`,
    at: origin,
  };
}

function unusable({ namespace, name, origin }: Delegation, child: WrittenVirtualService, root: WrittenVirtualService): Diagnostic | undefined {
  const key = `${namespace}/${name}`;
  const related = [{ message: `VirtualService ${key}`, at: child.origin }];
  if (child.hosts.length > 0) {
    const message = `VirtualService ${key} has hosts of its own, and so cannot be a delegate`;
    return { code: 'HDL0014', severity: 'error', message, hint: 'remove its hosts, or the delegate', at: origin, related };
  }
  if (isVisibleIn(child.visibility, root.namespace)) return undefined;
  const message = `delegate VirtualService ${key} is not exported to namespace ${root.namespace}`;
  return { code: 'HDL0014', severity: 'error', message, hint: `add ${root.namespace} to its exportTo`, at: origin, related };
}

function conflicting(rule: HttpRule, childRule: HttpRule, root: WrittenVirtualService, child: WrittenVirtualService): Diagnostic {
  return {
    code: 'HDL0014',
    severity: 'warning',
    message: `this rule of delegate ${child.namespace}/${child.name} never acts for ${root.namespace}/${root.name}, which hands on other requests`,
    hint: 'each of its matches must narrow a match of the rule that delegates: a longer prefix or the same exact path; expressions cannot be compared',
    at: childRule.origin,
    related: [{ message: 'the rule that delegates', at: rule.origin }],
  };
}
