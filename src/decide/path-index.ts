// Which routes of a virtual host can match a path: exact paths by one look-up, prefixes by one walk along the path, the rest one by one.
// Entries are numbered by their place in the list, and the lowest number that matches wins, as if the list had been tried in order.
import { pathMatches } from '#decide/path-condition.ts';
import { type CompiledMatch, othersHold } from '#decide/route-match.ts';
import type { RequestView } from '#decide/views.ts';

export type Indexed = { readonly index: number; readonly match: CompiledMatch };

type Node<Entry> = { readonly children: Map<number, Edge<Entry>>; readonly entries: Entry[] };
type Edge<Entry> = { label: string; node: Node<Entry> };

export class PathIndex<Entry extends Indexed> {
  readonly #exact = new Map<string, Entry[]>();
  readonly #foldedExact = new Map<string, Entry[]>();
  readonly #prefixes: Node<Entry> = newNode();
  readonly #foldedPrefixes: Node<Entry> = newNode();
  readonly #others: Entry[] = [];
  #folds = false;

  /** `entries` in the order of the list. */
  constructor(entries: readonly Entry[]) {
    for (const entry of entries) this.#add(entry);
  }

  /** The entry of lowest index that matches. `path` is the request's, without query. */
  find(path: string, request: RequestView, random: number): Entry | undefined {
    // Envoy: a request without a path (CONNECT) is only for connect_matcher, which is among the others.
    if (path === '') return firstOther(this.#others, path, undefined, request, random);
    let best = firstExact(this.#exact.get(path), undefined, request, random);
    best = alongPath(this.#prefixes, path, best, request, random);
    if (this.#folds) {
      const lower = path.toLowerCase();
      best = firstExact(this.#foldedExact.get(lower), best, request, random);
      best = alongPath(this.#foldedPrefixes, lower, best, request, random);
    }
    return firstOther(this.#others, path, best, request, random);
  }

  #add(entry: Entry): void {
    const test = entry.match.path;
    switch (test.kind) {
      case 'exact': {
        const map = test.fold ? this.#foldedExact : this.#exact;
        const known = map.get(test.value);
        if (known === undefined) map.set(test.value, [entry]);
        else known.push(entry);
        this.#folds ||= test.fold;
        return;
      }
      case 'prefix':
      case 'separated-prefix':
        nodeFor(test.fold ? this.#foldedPrefixes : this.#prefixes, test.value).entries.push(entry);
        this.#folds ||= test.fold;
        return;
      case 'regex':
      case 'connect':
        this.#others.push(entry);
    }
  }
}

function newNode<Entry>(): Node<Entry> {
  return { children: new Map(), entries: [] };
}

/** Finds or makes the node at `key`, splitting an edge where the key leaves it. */
function nodeFor<Entry>(root: Node<Entry>, key: string): Node<Entry> {
  let node = root;
  let at = 0;
  while (at < key.length) {
    const code = key.charCodeAt(at);
    const edge = node.children.get(code);
    if (edge === undefined) {
      const leaf = newNode<Entry>();
      node.children.set(code, { label: key.slice(at), node: leaf });
      return leaf;
    }
    const shared = sharedLength(edge.label, key, at);
    if (shared < edge.label.length) {
      const middle = newNode<Entry>();
      middle.children.set(edge.label.charCodeAt(shared), { label: edge.label.slice(shared), node: edge.node });
      edge.label = edge.label.slice(0, shared);
      edge.node = middle;
    }
    node = edge.node;
    at += shared;
  }
  return node;
}

function sharedLength(label: string, key: string, at: number): number {
  let length = 0;
  while (length < label.length && label.charCodeAt(length) === key.charCodeAt(at + length)) length += 1;
  return length;
}

function alongPath<Entry extends Indexed>(
  root: Node<Entry>,
  path: string,
  soFar: Entry | undefined,
  request: RequestView,
  random: number,
): Entry | undefined {
  let best = soFar;
  let node = root;
  let at = 0;
  for (;;) {
    best = firstPrefix(node.entries, path, at, best, request, random);
    const edge = node.children.get(path.charCodeAt(at));
    if (edge === undefined || !path.startsWith(edge.label, at)) return best;
    node = edge.node;
    at += edge.label.length;
  }
}

function firstPrefix<Entry extends Indexed>(
  entries: readonly Entry[],
  path: string,
  length: number,
  best: Entry | undefined,
  request: RequestView,
  random: number,
): Entry | undefined {
  const ends = path.length === length || path.charCodeAt(length) === slash;
  for (const entry of entries) {
    if (best !== undefined && entry.index > best.index) return best;
    if ((ends || entry.match.path.kind === 'prefix') && othersHold(entry.match, request, random)) return entry;
  }
  return best;
}

function firstExact<Entry extends Indexed>(
  entries: readonly Entry[] | undefined,
  best: Entry | undefined,
  request: RequestView,
  random: number,
): Entry | undefined {
  if (entries === undefined) return best;
  for (const entry of entries) {
    if (best !== undefined && entry.index > best.index) return best;
    if (othersHold(entry.match, request, random)) return entry;
  }
  return best;
}

function firstOther<Entry extends Indexed>(
  entries: readonly Entry[],
  path: string,
  best: Entry | undefined,
  request: RequestView,
  random: number,
): Entry | undefined {
  for (const entry of entries) {
    if (best !== undefined && entry.index > best.index) return best;
    if (path === '' && entry.match.path.kind !== 'connect') continue;
    if (pathMatches(entry.match.path, path, request.method) && othersHold(entry.match, request, random)) return entry;
  }
  return best;
}

const slash = 0x2f;
