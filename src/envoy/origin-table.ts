// The side table of law 3: which line of a user's YAML made which node of the xDS. Filled by compile, read by explain, the NACK
// ledger and the command line; it never travels over the wire.
import type { Origin } from '#base/origin.ts';

/** A node of the xDS that somebody may ask "where does this come from?" about. */
export type XdsNode =
  | { readonly kind: 'listener'; readonly listener: string }
  | { readonly kind: 'filterChain'; readonly listener: string; readonly filterChain: string }
  | { readonly kind: 'routeConfig'; readonly routeConfig: string }
  | { readonly kind: 'virtualHost'; readonly routeConfig: string; readonly virtualHost: string }
  | { readonly kind: 'route'; readonly routeConfig: string; readonly virtualHost: string; readonly index: number }
  | {
      readonly kind: 'routeDestination';
      readonly routeConfig: string;
      readonly virtualHost: string;
      readonly index: number;
      readonly cluster: string;
    }
  | { readonly kind: 'cluster'; readonly cluster: string }
  | { readonly kind: 'endpoint'; readonly cluster: string; readonly address: string }
  | { readonly kind: 'secret'; readonly secret: string }
  /** A policy of RBAC rules, by a name that tells whose it is wherever it stands. */
  | { readonly kind: 'rbacPolicy'; readonly policy: string }
  /** A host of the name table. */
  | { readonly kind: 'name'; readonly host: string };

/** Pairs of xDS node and the place that made it. */
export type NodeOrigin = readonly [node: XdsNode, origin: Origin];

function keyOf(node: XdsNode): string {
  return JSON.stringify(Object.values(node));
}

const noParts: readonly OriginTable[] = [];

/**
 * Origins by xDS node. A node may have several: a route made of a VirtualService's rule and a DestinationRule's policy.
 * A table may be put together from others, which are shared: resources that many proxies have bring their table along.
 * It is written for every resource and read when somebody asks, so it is only sorted by node then.
 */
export class OriginTable {
  #entries: NodeOrigin[] | undefined;
  #byNode: Map<string, Origin[]> | undefined;
  readonly #parts: readonly OriginTable[];
  readonly #more: (() => Iterable<NodeOrigin>) | undefined;

  /** `more`: entries that are only made when they are asked for. */
  constructor(parts: readonly OriginTable[] = noParts, more?: () => Iterable<NodeOrigin>) {
    this.#parts = parts;
    this.#more = more;
  }

  add(node: XdsNode, origin: Origin | undefined): void {
    if (origin === undefined) return;
    this.#entries ??= [];
    this.#entries.push([node, origin]);
    this.#byNode = undefined;
  }

  /** The places that made this node, the deciding one first; empty where Heddle made it by itself. */
  get(node: XdsNode): readonly Origin[] {
    return this.#find(keyOf(node)) ?? [];
  }

  #find(key: string): readonly Origin[] | undefined {
    this.#byNode ??= sortByNode([...(this.#entries ?? []), ...(this.#more?.() ?? [])]);
    const own = this.#byNode.get(key);
    if (own !== undefined) return own;
    for (const part of this.#parts) {
      const found = part.#find(key);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function sortByNode(entries: readonly NodeOrigin[]): Map<string, Origin[]> {
  const byNode = new Map<string, Origin[]>();
  for (const [node, origin] of entries) {
    const key = keyOf(node);
    const known = byNode.get(key);
    if (known === undefined) byNode.set(key, [origin]);
    else known.push(origin);
  }
  return byNode;
}
