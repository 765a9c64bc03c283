// In: a destination rule, and which proxies call. Out: the credentials that it names, as those proxies ask for them, with the secrets that they are
// then given. Source: Istio, ApplyCustomSDSToClientCommonTLSContext and filterAuthorizedResources.
import type { ClientClass } from '#compile/cluster-discovery.ts';
import type { GatewayCredentials } from '#compile/gateway-credentials.ts';
import type { Scope } from '#compile/scope.ts';
import type { Unit } from '#compile/unit.ts';
import type { ClientSecrets } from '#compile/upstream-tls.ts';
import type { ClientTls, DestinationRule } from '#model/destination-rule.ts';

export type FoundClientSecrets = {
  /** By the name in the rule. One that cannot be had is not in here: nothing is called with less. */
  readonly secrets: ReadonlyMap<string, ClientSecrets>;
  readonly units: readonly Unit[];
  /** Which of them there are. */
  readonly key: string;
};

type Caller = { readonly scope: Scope; readonly client: ClientClass; readonly credentials: GatewayCredentials };

const nothing: FoundClientSecrets = { secrets: new Map(), units: [], key: '' };

/** For gateways, and for the sidecars that the rule chooses: all others pass over the names. */
export function clientSecrets(rule: DestinationRule | undefined, { scope, client, credentials }: Caller): FoundClientSecrets {
  if (rule === undefined || (client.type === 'sidecar' && rule.workloadSelector === undefined)) return nothing;
  const wanted = [rule.policy, ...rule.subsets.map(({ policy }) => policy)].flatMap((policy) =>
    policy === undefined ? [] : [policy.tls, ...[...policy.ports.values()].map(({ tls }) => tls)],
  );
  const named = wanted.flatMap((tls) => (tls?.credentialName === undefined ? [] : [{ tls, name: tls.credentialName }]));
  if (named.length === 0) return nothing;
  const secrets = new Map<string, ClientSecrets>();
  const units = new Set<Unit>();
  for (const { tls, name } of named) {
    const found = find(tls, name, scope.namespace, credentials, client);
    if (found === undefined) continue;
    secrets.set(secretsOf(tls, name), found.secrets);
    for (const unit of found.units) units.add(unit);
  }
  return { secrets, units: [...units], key: `${scope.namespace} ${[...secrets.keys()].join(',')}` };
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
  client: ClientClass,
): { readonly secrets: ClientSecrets; readonly units: readonly Unit[] } | undefined {
  const who = { namespace, gatewayNamespace: namespace, withoutIdentity: !client.hasIdentity };
  const keyPair = mode === 'mutual' ? credentials.find({ name, role: 'key-pair', granted: false }, who) : undefined;
  const roots = insecureSkipVerify ? undefined : credentials.find({ name, role: 'roots', granted: false }, who);
  if (keyPair?.ok === false || roots?.ok === false) return undefined;
  const found = [keyPair?.value, roots?.value].flatMap((one) => one ?? []);
  return {
    secrets: { ...(keyPair !== undefined && { keyPair: keyPair.value.sds }), ...(roots !== undefined && { roots: roots.value.sds }) },
    units: found.flatMap(({ unit }) => unit ?? []),
  };
}
