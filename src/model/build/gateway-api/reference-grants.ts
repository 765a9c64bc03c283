// ReferenceGrants, as an answer: may a resource of one namespace name one of another? Within a namespace it always may.
import type { KindMap } from '#api/kinds.ts';

const gatewayApi = 'gateway.networking.k8s.io';

/** Who refers: kinds of the Gateway API only. */
export type Referrer = { readonly kind: string; readonly namespace: string };
export type Referent = { readonly group: string; readonly kind: string; readonly namespace: string; readonly name: string };

export class ReferenceGrants {
  /** `kind/namespace of the referrer > group/kind/namespace of the referent` → the names that may be named, `*` for all. */
  readonly #granted = new Map<string, Set<string>>();

  constructor(grants: Iterable<KindMap['ReferenceGrant']>) {
    for (const { metadata, spec } of grants) {
      for (const from of spec.from) {
        if (from.group !== gatewayApi) continue;
        for (const to of spec.to) {
          const key = grantKey(from, { ...to, namespace: metadata.namespace });
          const names = this.#granted.get(key) ?? new Set();
          this.#granted.set(key, names.add(to.name ?? '*'));
        }
      }
    }
  }

  permits(from: Referrer, to: Referent): boolean {
    if (from.namespace === to.namespace) return true;
    const names = this.#granted.get(grantKey(from, to));
    return names !== undefined && (names.has('*') || names.has(to.name));
  }
}

function grantKey(from: Referrer, to: Omit<Referent, 'name'>): string {
  return `${from.kind}/${from.namespace} > ${to.group}/${to.kind}/${to.namespace}`;
}
