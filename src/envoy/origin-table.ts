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
  | { readonly kind: 'endpoint'; readonly cluster: string; readonly address: string };

function keyOf(node: XdsNode): string {
  return JSON.stringify(Object.values(node));
}

/**
 * Origins by xDS node. A node may have several: a route made of a VirtualService's rule and a DestinationRule's policy.
 * A table may be put together from others, which are shared: resources that many proxies have bring their table along.
 */
export class OriginTable {
  readonly #origins = new Map<string, Origin[]>();
  readonly #parts: readonly OriginTable[];

  constructor(parts: readonly OriginTable[] = []) {
    this.#parts = parts;
  }

  add(node: XdsNode, origin: Origin | undefined): void {
    if (origin === undefined) return;
    const key = keyOf(node);
    const known = this.#origins.get(key);
    if (known === undefined) this.#origins.set(key, [origin]);
    else known.push(origin);
  }

  /** The places that made this node, the deciding one first; empty where Heddle made it by itself. */
  get(node: XdsNode): readonly Origin[] {
    return this.#find(keyOf(node)) ?? [];
  }

  #find(key: string): readonly Origin[] | undefined {
    const own = this.#origins.get(key);
    if (own !== undefined) return own;
    for (const part of this.#parts) {
      const found = part.#find(key);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}
