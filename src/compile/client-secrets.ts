// In: a destination rule, and which proxies call. Out: the credentials that it names, as those proxies ask for them, with the secrets that they are
// then given. Source: Istio, ApplyCustomSDSToClientCommonTLSContext and filterAuthorizedResources.
import type { Diagnostic } from '#base/diagnostic.ts';
import { ok, type Result } from '#base/result.ts';
import type { ClientClass } from '#compile/cluster-discovery.ts';
import type { GatewayCredentials, MissingSecret } from '#compile/gateway-credentials.ts';
import type { Scope } from '#compile/scope.ts';
import type { Unit } from '#compile/unit.ts';
import type { ClientSecrets } from '#compile/upstream-tls.ts';
import type { ClientTls, DestinationRule } from '#model/destination-rule.ts';
import { labelsMatch } from '#model/labels.ts';
import type { Proxy } from '#model/proxy.ts';
import { isVisibleIn } from '#model/visibility.ts';

export type FoundClientSecrets = {
  /** By the name in the rule. One that cannot be had is not in here: nothing is called with less. */
  readonly secrets: ReadonlyMap<string, ClientSecrets>;
  readonly units: readonly Unit[];
  /** Which of them there are. */
  readonly key: string;
};

type Caller = { readonly scope: Scope; readonly client: ClientClass; readonly credentials: GatewayCredentials };

const nothing: FoundClientSecrets = { secrets: new Map(), units: [], key: '' };

/** For gateways, and for the sidecars that the rule chooses: all others have none of them, and so no way, unless it is for everybody. */
export function clientSecrets(rule: DestinationRule | undefined, { scope, client, credentials }: Caller): FoundClientSecrets {
  if (rule === undefined) return nothing;
  const isMeant = client.type !== 'sidecar' || rule.workloadSelector !== undefined;
  const named = credentialsOf(rule).filter(({ tls }) => isMeant || tls.forEverybody === true);
  if (named.length === 0) return nothing;
  const secrets = new Map<string, ClientSecrets>();
  const units = new Set<Unit>();
  for (const { tls, name } of named) {
    const found = find(tls, name, scope.namespace, credentials, client.hasIdentity);
    if (!found.ok) continue;
    secrets.set(secretsOf(tls, name), found.value.secrets);
    for (const unit of found.value.units) units.add(unit);
  }
  return { secrets, units: [...units], key: `${scope.namespace} ${[...secrets.keys()].join(',')}` };
}

/**
 * HDL0083 for credentials that the proxy may have and that are not there: where a rule asks for one, nothing is called with less. Rules without
 * credentials, which nearly all are, cost nothing.
 */
export function missingSecrets(scope: Scope, proxy: Proxy, credentials: GatewayCredentials): readonly Diagnostic[] {
  const rules = rulesWithCredentials(scope.mesh.destinationRules);
  if (rules.length === 0) return [];
  const labels = scope.mesh.workloads.get(`${proxy.namespace}/${proxy.name}`)?.labels ?? proxy.labels;
  return rules
    .filter((rule) => isFor(rule, proxy, labels))
    .flatMap((rule) =>
      credentialsOf(rule).flatMap(({ tls, name }): readonly Diagnostic[] => {
        // Its conditions say it.
        if (tls.forEverybody === true) return [];
        const found = find(tls, name, proxy.namespace, credentials, proxy.withoutIdentity !== true);
        if (found.ok) return [];
        const { what, hint } = found.error;
        const message = `DestinationRule ${rule.namespace}/${rule.name}: ${proxy.namespace}/${proxy.name} cannot call ${rule.host.hostname}, as ${what}`;
        return [{ code: 'HDL0083', severity: 'error', message, hint, at: tls.origin }];
      }),
    );
}

function isFor({ namespace, workloadSelector, visibility }: DestinationRule, proxy: Proxy, labels: Proxy['labels']): boolean {
  if (workloadSelector !== undefined) return namespace === proxy.namespace && labelsMatch(workloadSelector, labels);
  return proxy.type === 'router' && isVisibleIn(visibility, proxy.namespace);
}

const withCredentials = new WeakMap<readonly DestinationRule[], readonly DestinationRule[]>();

/** Those of a mesh that name credentials: mostly none. */
export function rulesWithCredentials(rules: readonly DestinationRule[]): readonly DestinationRule[] {
  let found = withCredentials.get(rules);
  if (found === undefined) {
    found = rules.filter((rule) => credentialsOf(rule).length > 0);
    withCredentials.set(rules, found);
  }
  return found;
}

function credentialsOf({ policy, subsets }: DestinationRule): readonly { readonly tls: ClientTls; readonly name: string }[] {
  const levels = [policy, ...subsets.map((subset) => subset.policy)].flatMap((level) =>
    level === undefined ? [] : [level.tls, ...[...level.ports.values()].map(({ tls }) => tls)],
  );
  return levels.flatMap((tls) => {
    const begins = tls?.mode === 'simple' || tls?.mode === 'mutual';
    return tls?.credentialName === undefined || !begins ? [] : [{ tls, name: tls.credentialName }];
  });
}

/** What one credential is known by: with a key of the own, or for its roots alone. */
export function secretsOf({ mode, insecureSkipVerify }: ClientTls, name: string): string {
  return `${mode} ${insecureSkipVerify} ${name}`;
}

function find(
  { mode, insecureSkipVerify }: ClientTls,
  name: string,
  namespace: string,
  credentials: GatewayCredentials,
  hasIdentity: boolean,
): Result<{ readonly secrets: ClientSecrets; readonly units: readonly Unit[] }, MissingSecret> {
  const who = { namespace, gatewayNamespace: namespace, withoutIdentity: !hasIdentity };
  const keyPair = mode === 'mutual' ? credentials.find({ name, role: 'key-pair', granted: false }, who) : undefined;
  const roots = insecureSkipVerify ? undefined : credentials.find({ name, role: 'roots', granted: false }, who);
  if (keyPair?.ok === false) return keyPair;
  if (roots?.ok === false) return roots;
  const found = [keyPair?.value, roots?.value].flatMap((one) => one ?? []);
  return ok({
    secrets: { ...(keyPair !== undefined && { keyPair: keyPair.value.sds }), ...(roots !== undefined && { roots: roots.value.sds }) },
    units: found.flatMap(({ unit }) => unit ?? []),
  });
}
