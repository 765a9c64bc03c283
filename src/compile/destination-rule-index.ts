// The destination rules of a mesh by what they are looked up with: namespace, host, and whom they are for. Made once per mesh. Which rules are one is
// found out here; they are joined when a client asks. Source: Istio, setDestinationRules and mergeDestinationRule.
import type { CompileCache } from '#compile/compile-cache.ts';
import type { DestinationRule, RulePolicy, Subset, TrafficPolicy } from '#model/destination-rule.ts';
import { compareSpecificity, hostCovers, isWildcard } from '#model/hostname.ts';
import { labelsMatch } from '#model/labels.ts';
import type { Service } from '#model/service.ts';
import { isVisibleIn, type Visibility } from '#model/visibility.ts';

type Labels = Readonly<Record<string, string>>;

/** Rules for one host that count as one: the first says the policy, all bring subsets. */
type RuleGroup = { readonly rules: readonly DestinationRule[]; readonly visibility: Visibility; readonly selector: Labels | undefined };

/** Rules by host, in Istio's order; wildcards with the most specific first. */
type RulePool = {
  readonly exact: ReadonlyMap<string, readonly RuleGroup[]>;
  readonly wildcards: readonly (readonly [string, readonly RuleGroup[]])[];
};

type NamespaceRules = {
  /** What clients of the namespace itself look at first. */
  readonly local: RulePool;
  /** What others may see as well. */
  readonly exported: RulePool;
  /** What the namespace keeps to itself. */
  readonly own: RulePool;
};

/** The calling side: where it is, and which labels it has. */
export type RuleClient = { readonly namespace: string; readonly labels: Labels };

type ServiceName = Pick<Service, 'hostname' | 'namespace'>;

export class DestinationRuleIndex {
  readonly #namespaces: ReadonlyMap<string, NamespaceRules>;
  readonly #selectorNames: ReadonlyMap<string, readonly string[]>;

  /** `rules` in order of precedence. */
  constructor(rules: readonly DestinationRule[]) {
    const byNamespace = Map.groupBy(rules, ({ namespace }) => namespace);
    this.#namespaces = new Map([...byNamespace].map(([namespace, ofNamespace]) => [namespace, indexNamespace(namespace, ofNamespace)]));
    this.#selectorNames = new Map([...byNamespace].map(([namespace, ofNamespace]) => [namespace, selectorNames(ofNamespace)]));
  }

  /** Equal for clients of a namespace between which no rule's workloadSelector tells a difference: they share what is compiled. Mostly ''. */
  selectorKey({ namespace, labels }: RuleClient): string {
    return (this.#selectorNames.get(namespace) ?? []).map((name) => `${name}=${labels[name] ?? ''}`).join(',');
  }

  /**
   * The rule for calls of `client` to `service`: of the client's namespace, else of the service's, else of the root namespace; within one, of
   * the most specific host. A client in the root namespace sees of it first only what the namespace keeps to itself: what stands there for all is the last
   * resort for it too. Source: Istio, PushContext.destinationRule.
   */
  lookup(service: ServiceName, client: RuleClient, rootNamespace: string, cache: CompileCache): DestinationRule | undefined {
    const home = this.#namespaces.get(client.namespace);
    const first = mostSpecific(client.namespace === rootNamespace ? home?.own : home?.local, service.hostname);
    const groups = first ?? this.#exported(service.namespace, service, client) ?? this.#exported(rootNamespace, service, client) ?? [];
    // With a selector only clients of its own namespace are meant; of those without one the last counts, as in Istio.
    const chosen = groups.find(({ selector }) => selector !== undefined && labelsMatch(selector, client.labels));
    const group = chosen ?? groups.findLast(({ selector }) => selector === undefined);
    return group === undefined ? undefined : mergeRules(group.rules, cache);
  }

  #exported(namespace: string, { hostname }: ServiceName, client: RuleClient): readonly RuleGroup[] | undefined {
    const groups = mostSpecific(this.#namespaces.get(namespace)?.exported, hostname);
    const visible = groups?.filter(({ visibility }) => isVisibleIn(visibility, client.namespace)) ?? [];
    return visible.length === 0 ? undefined : visible;
  }
}

function mostSpecific(pool: RulePool | undefined, hostname: string): readonly RuleGroup[] | undefined {
  return pool?.exact.get(hostname) ?? pool?.wildcards.find(([host]) => hostCovers(host, hostname))?.[1];
}

function indexNamespace(namespace: string, rules: readonly DestinationRule[]): NamespaceRules {
  const isOwn = ({ visibility }: DestinationRule): boolean =>
    visibility.kind === 'namespaces' && visibility.namespaces.size === 1 && visibility.namespaces.has(namespace);
  // Those that choose their clients come first, whatever their age.
  const sorted = [...rules].sort((a, b) => Number(b.workloadSelector !== undefined) - Number(a.workloadSelector !== undefined));
  return {
    local: indexRules(sorted.filter(({ visibility }) => isVisibleIn(visibility, namespace))),
    exported: indexRules(sorted.filter((rule) => !isOwn(rule))),
    own: indexRules(sorted.filter(isOwn)),
  };
}

function indexRules(rules: readonly DestinationRule[]): RulePool {
  const exact = new Map([...Map.groupBy(rules, ({ host }) => host.hostname)].map(([host, ofHost]) => [host, groupRules(ofHost)]));
  return { exact, wildcards: [...exact].filter(([host]) => isWildcard(host)).sort(([a], [b]) => compareSpecificity(a, b)) };
}

/** Rules that are seen by the same namespaces and chosen by the same selector are one; one without a selector also adds to those with one. */
function groupRules(rules: readonly DestinationRule[]): readonly RuleGroup[] {
  const groups: { rules: DestinationRule[]; visibility: Visibility; selector: Labels | undefined }[] = [];
  for (const rule of rules) {
    const { visibility, workloadSelector: selector } = rule;
    const seenAlike = groups.filter((group) => sameVisibility(group.visibility, visibility));
    const same = seenAlike.find((group) => sameSelector(group.selector, selector));
    for (const group of seenAlike) if (group === same || selector === undefined) group.rules.push(rule);
    if (same === undefined) groups.push({ rules: [rule], visibility, selector });
  }
  return groups;
}

function sameVisibility(a: Visibility, b: Visibility): boolean {
  if (a.kind === 'everywhere' || b.kind === 'everywhere') return a.kind === b.kind;
  return a.namespaces.symmetricDifference(b.namespaces).size === 0;
}

function sameSelector(a: Labels | undefined, b: Labels | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return labelsMatch(a, b) && labelsMatch(b, a);
}

/** Subsets of all rules, of which the first of a name counts; the policy of the first rule that has one. */
function mergeRules(rules: readonly DestinationRule[], cache: CompileCache): DestinationRule | undefined {
  const [first, ...others] = rules;
  if (first === undefined || others.length === 0) return first;
  return cache.once('merged destination rule', rules, '', () => {
    const subsets = new Map<string, Subset>();
    for (const { subsets: more } of rules) for (const subset of more) if (!subsets.has(subset.name)) subsets.set(subset.name, subset);
    const written = rules.find((rule) => rule.policy !== undefined && rule.addsTls !== true)?.policy;
    const policy = rules.filter(({ addsTls }) => addsTls === true).reduce((under, rule) => withTls(under, rule.policy), written);
    return { ...first, ...(policy !== undefined && { policy }), subsets: [...subsets.values()] };
  });
}

/** Differs from Istio, where the user's own policy is lost beside one of the Gateway API. */
function withTls(under: RulePolicy | undefined, over: RulePolicy | undefined): RulePolicy | undefined {
  if (under === undefined || over === undefined) return over ?? under;
  const { tls } = over;
  const ports = new Map([...under.ports].map(([port, policy]) => [port, tls === undefined ? policy : { ...policy, tls }]));
  for (const [port, policy] of over.ports) ports.set(port, { ...(under.ports.get(port) ?? withoutPorts(under)), ...policy });
  return { ...under, ...(tls !== undefined && { tls }), ports };
}

function withoutPorts({ ports: _ports, ...rest }: RulePolicy): TrafficPolicy {
  return rest;
}

/** The labels that selectors look at, sorted. */
function selectorNames(rules: readonly DestinationRule[]): readonly string[] {
  return [...new Set(rules.flatMap(({ workloadSelector = {} }) => Object.keys(workloadSelector)))].sort();
}
