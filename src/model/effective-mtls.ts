// In: the PeerAuthentications of a mesh. Out: for a workload, whether its ports take plaintext, mutual TLS, or either. The narrowest policy that says
// something wins: port, workload, namespace, mesh; among several for one workload the oldest. Source: Istio, ComposePeerAuthentication.
import { labelsMatch } from '#model/labels.ts';
import type { PeerAuthentication, PeerMtls } from '#model/peer-authentication.ts';

export type MtlsMode = Exclude<PeerMtls, 'unset'>;

/** `ports`: those that have a mode of their own, by the port of the workload. */
export type WorkloadMtls = {
  readonly mode: MtlsMode;
  readonly ports: ReadonlyMap<number, MtlsMode>;
  /** The policy that the mode is from; undefined where nobody says anything. */
  readonly policy?: PeerAuthentication;
  /** The policy that the modes of single ports are from. */
  readonly portPolicy?: PeerAuthentication;
};

type OfNamespace = { readonly general: PeerAuthentication | undefined; readonly selecting: readonly PeerAuthentication[] };

export type PeerAuthenticationIndex = {
  readonly ofMesh: PeerAuthentication | undefined;
  readonly byNamespace: ReadonlyMap<string, OfNamespace>;
  /** Whether any policy says DISABLE: where none does, nobody needs to ask which endpoints take plaintext only. */
  readonly disablesSome: boolean;
};

const noPorts: ReadonlyMap<number, MtlsMode> = new Map();

/** `policies` in order of precedence. One with a selector means nothing in the root namespace, as in Istio. */
export function indexPeerAuthentications(policies: readonly PeerAuthentication[], rootNamespace: string): PeerAuthenticationIndex {
  const general = policies.filter(isGeneral);
  const byNamespace = new Map<string, OfNamespace>();
  for (const [namespace, all] of Map.groupBy(policies, (policy) => policy.namespace)) {
    if (namespace === rootNamespace) continue;
    byNamespace.set(namespace, { general: all.find(isGeneral), selecting: all.filter((policy) => !isGeneral(policy)) });
  }
  return {
    ofMesh: general.find(({ namespace }) => namespace === rootNamespace),
    byNamespace,
    disablesSome: policies.some(({ mtls, portMtls }) => mtls === 'disable' || [...portMtls.values()].includes('disable')),
  };
}

/** An empty selector is none. */
export function isGeneral({ selector }: PeerAuthentication): boolean {
  return selector === undefined || Object.keys(selector).length === 0;
}

/** What holds for the workloads of a namespace that no policy selects. */
export function namespaceMtls({ ofMesh, byNamespace }: PeerAuthenticationIndex, namespace: string): WorkloadMtls {
  for (const policy of [byNamespace.get(namespace)?.general, ofMesh]) {
    if (policy !== undefined && policy.mtls !== 'unset') return { mode: policy.mtls, ports: noPorts, policy };
  }
  return { mode: 'permissive', ports: noPorts };
}

export function workloadMtls(index: PeerAuthenticationIndex, namespace: string, labels: Readonly<Record<string, string>>): WorkloadMtls {
  const general = namespaceMtls(index, namespace);
  const own = index.byNamespace.get(namespace)?.selecting.find(({ selector = {} }) => labelsMatch(selector, labels));
  if (own === undefined) return general;
  const whole: WorkloadMtls = own.mtls === 'unset' ? general : { mode: own.mtls, ports: noPorts, policy: own };
  if (own.portMtls.size === 0) return whole;
  const ports = new Map([...own.portMtls].map(([port, mode]) => [port, mode === 'unset' ? whole.mode : mode]));
  return { ...whole, ports, portPolicy: own };
}

/** `port`: that of the workload. */
export function portMtls({ mode, ports }: WorkloadMtls, port: number): MtlsMode {
  return ports.get(port) ?? mode;
}
