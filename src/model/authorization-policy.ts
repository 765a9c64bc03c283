// An AuthorizationPolicy: who may do what to which workloads. Values are kept as written (`*`, `prefix*`, `*suffix`, path templates); what they
// mean is said once, in compile/.
import type { Origin } from '#base/origin.ts';
import type { TargetReference } from '#model/target-reference.ts';

export type AuthorizationPolicy = {
  readonly name: string;
  readonly namespace: string;
  readonly selector?: Readonly<Record<string, string>>;
  readonly targets?: readonly TargetReference[];
  readonly action: { readonly kind: 'allow' | 'deny' | 'audit' } | { readonly kind: 'custom'; readonly provider: string };
  /** Annotation `istio.io/dry-run`: the verdict is logged, not acted on. */
  readonly dryRun: boolean;
  /** None: matches nothing, so that an ALLOW policy denies everything. A rule without anything in it matches everything. */
  readonly rules: readonly AuthorizationRule[];
  readonly createdMs?: number;
  readonly origin: Origin;
};

/** All three must hold; of each, one entry; none: holds always. */
export type AuthorizationRule = {
  readonly from: readonly AuthorizationSource[];
  readonly to: readonly AuthorizationOperation[];
  readonly when: readonly AuthorizationCondition[];
  readonly origin: Origin;
};

/** Any of `values` (none: not asked) and none of `not`. */
export type Values = { readonly values: readonly string[]; readonly not: readonly string[] };

export type AuthorizationSource = {
  readonly principals: Values;
  readonly requestPrincipals: Values;
  readonly namespaces: Values;
  readonly serviceAccounts: Values;
  readonly trustDomains: Values;
  readonly ipBlocks: Values;
  readonly remoteIpBlocks: Values;
  readonly origin: Origin;
};

export type AuthorizationOperation = {
  readonly hosts: Values;
  readonly ports: Values;
  readonly methods: Values;
  readonly paths: Values;
  readonly origin: Origin;
};

/** `key` as written: `request.headers[x-role]`, `source.ip`, `request.auth.claims[a][b]`. */
export type AuthorizationCondition = Values & { readonly key: string; readonly origin: Origin };
