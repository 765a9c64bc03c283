// By which words users ask for a kind: its name, its plural, the short names of kubectl and Istio's CRDs, and any of them with the API group.

import type { VerbFailure } from '#admin/client/verbs.ts';
import { type KindName, kindNames, kinds } from '#api/kinds.ts';
import { closest } from '#base/closest.ts';
import { failed, ok, type Result } from '#base/result.ts';

/** Kinds that are in no file: made when they are asked for. */
export type AskedKind = KindName | 'Endpoints' | 'Event';

const shortNames: Readonly<Partial<Record<AskedKind, readonly string[]>>> = {
  VirtualService: ['vs'],
  DestinationRule: ['dr'],
  Gateway: ['gw'],
  ServiceEntry: ['se'],
  WorkloadEntry: ['we'],
  WorkloadGroup: ['wg'],
  PeerAuthentication: ['pa'],
  RequestAuthentication: ['ra'],
  AuthorizationPolicy: ['ap'],
  GatewayClass: ['gc'],
  KubernetesGateway: ['gtw'],
  ReferenceGrant: ['refgrant'],
  ListenerSet: ['lset'],
  Pod: ['po'],
  Service: ['svc'],
  Deployment: ['deploy'],
  ReplicaSet: ['rs'],
  StatefulSet: ['sts'],
  DaemonSet: ['ds'],
  ConfigMap: ['cm'],
  Namespace: ['ns'],
  Node: ['no'],
  ServiceAccount: ['sa'],
  Ingress: ['ing'],
  Endpoints: ['ep'],
  Event: ['ev'],
};

/** How many of a kind there are: a word that means two kinds means the one of which there are some, Istio's before the Gateway API's. */
export type CountOf = (kind: KindName) => number;

export function resolveKind(word: string, countOf: CountOf): Result<AskedKind, VerbFailure> {
  const asked = word.toLowerCase();
  const found = askedKinds().filter((kind) => wordsOf(kind).includes(asked));
  const [first] = found;
  if (first !== undefined) return ok(found.find((kind) => kind !== 'Endpoints' && kind !== 'Event' && countOf(kind) > 0) ?? first);
  const near = closest(asked, askedKinds().flatMap(wordsOf));
  const hint =
    near === undefined
      ? 'known are the kinds of Kubernetes, Istio and the Gateway API: pods, services, virtualservices ...'
      : `did you mean ${near}?`;
  return failed({ status: 400, error: `there is no kind ${word}`, hint });
}

function askedKinds(): readonly AskedKind[] {
  return [...kindNames(), 'Endpoints', 'Event'];
}

function wordsOf(kind: AskedKind): readonly string[] {
  const { singular, plural, group } = namesOf(kind);
  const words = [singular, plural, ...(shortNames[kind] ?? [])];
  return group === '' ? words : [...words, ...words.map((word) => `${word}.${group}`)];
}

function namesOf(kind: AskedKind): { readonly singular: string; readonly plural: string; readonly group: string } {
  if (kind === 'Endpoints') return { singular: 'endpoints', plural: 'endpoints', group: '' };
  if (kind === 'Event') return { singular: 'event', plural: 'events', group: '' };
  const { kind: written, plural, group } = kinds[kind];
  return { singular: written.toLowerCase(), plural, group };
}

/** What stands before the slash: `virtualservice`, and the group where two kinds have that name (`gateway.gateway.networking.k8s.io`). */
export function labelOf(kind: AskedKind): string {
  const { singular, group } = namesOf(kind);
  return kind === 'KubernetesGateway' ? `${singular}.${group}` : singular;
}

/** As it stands in a file: `Gateway` for both that are called so. */
export function writtenKind(kind: AskedKind): string {
  return kind === 'Endpoints' || kind === 'Event' ? kind : kinds[kind].kind;
}

export function isNamespaced(kind: AskedKind): boolean {
  return kind === 'Endpoints' || kind === 'Event' || kinds[kind].scope === 'namespaced';
}
