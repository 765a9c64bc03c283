// Envoy's counters of RBAC filters: `<prefix>rbac.<stat prefix>allowed` and so on. Cells are looked up once for each filter.
import type { RbacEntry } from '#decide/rbac.ts';
import type { CountRbac, RbacOutcome } from '#decide/rbac-filter.ts';
import type { Cell, Counters } from '#telemetry/counters.ts';

type Cells = { readonly of: Readonly<Record<RbacOutcome, Cell>>; readonly prefix: string; readonly shadowPrefix: string };

/** `prefixOf`: what stands before `rbac.` in the names of a filter, with its dot. */
export function rbacCounter(counters: Counters, prefixOf: (entry: RbacEntry) => { readonly scope: string; readonly rules: string }): CountRbac {
  const known = new WeakMap<RbacEntry, Cells>();
  return (entry, outcome, policy) => {
    let cells = known.get(entry);
    if (cells === undefined) known.set(entry, (cells = makeCells(counters, entry, prefixOf(entry))));
    cells.of[outcome].value++;
    if (!entry.countsPolicies || policy === undefined) return;
    counters.cell(`${outcome.startsWith('shadow') ? cells.shadowPrefix : cells.prefix}policy.${policy}.${outcome}`).value++;
  };
}

function makeCells(counters: Counters, entry: RbacEntry, { scope, rules }: { readonly scope: string; readonly rules: string }): Cells {
  const prefix = dotted(`${dotted(scope)}rbac.${rules}`);
  const shadowPrefix = dotted(`${dotted(scope)}rbac.${entry.shadowStatPrefix}`);
  const of = {
    allowed: counters.cell(`${prefix}allowed`),
    denied: counters.cell(`${prefix}denied`),
    shadow_allowed: counters.cell(`${shadowPrefix}shadow_allowed`),
    shadow_denied: counters.cell(`${shadowPrefix}shadow_denied`),
  };
  return { of, prefix, shadowPrefix };
}

function dotted(text: string): string {
  return text === '' || text.endsWith('.') ? text : `${text}.`;
}
