// One YAML (or JSON) document with the place of every field: text in; a plain JSON value, syntax errors and `place(path)` out.
// Read as Kubernetes reads it: YAML 1.1 (`yes` is true, `012` is 10), where times and sexagesimal numbers stay strings, fields set to null count
// as absent, and a repeated key is an error (sigs.k8s.io/yaml, strict). Lines are counted from the start of the given text.
import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  type Tags,
  type YAMLMap,
} from 'yaml';

export type Position = { readonly line: number; readonly col: number };

export type YamlDocument = {
  /** Deeply frozen. Undefined where the document is empty or its syntax is broken. */
  readonly value: unknown;
  /** Where the syntax is broken: what can be made out all the same, which may be wrong. */
  readonly remains?: unknown;
  /** The fields that are set to null, and so are not in `value`. */
  readonly nullFields: readonly (readonly (string | number)[])[];
  /** Messages without a full stop; more than one where the parser could go on. */
  readonly errors: readonly (Position & { readonly message: string })[];
  /** Where the document's content begins. */
  readonly start: Position;
  /**
   * Where a field stands: its key (or, for `part` value, what follows it); an item of a list by its first character. A path that is not
   * written answers with its nearest ancestor that is.
   */
  readonly place: (path: readonly (string | number)[], part?: 'key' | 'value') => Position;
};

/** Nodes that aliases may add in all, against documents that are small on disk and huge in memory. */
const maxAliasedNodes = 10_000;

/** All documents of a text, in order. Empty ones (a lone `---`, comments) are left out. */
export function parseYaml(text: string): readonly YamlDocument[] {
  const lineCounter = new LineCounter();
  const parsed = parseAllDocuments(text, { version: '1.1', lineCounter, prettyErrors: false, customTags: kubernetesTags, logLevel: 'silent' });
  const documents = Array.isArray(parsed) ? parsed : [];
  return documents
    .filter((document) => document.errors.length > 0 || !isEmpty(document.contents))
    .map((document) => readDocument(document, lineCounter));
}

function kubernetesTags(tags: Tags): Tags {
  return tags.filter((tag) => typeof tag === 'string' || !(tag.format === 'TIME' || /timestamp|set|omap|pairs|binary/.test(tag.tag)));
}

function isEmpty(node: unknown): boolean {
  return node === null || node === undefined || (isScalar(node) && node.value === null);
}

function readDocument(document: Document.Parsed, lineCounter: LineCounter): YamlDocument {
  const position = (offset: number): Position => lineCounter.linePos(offset);
  const errors = document.errors.map((error) => ({ message: oneLine(error.message), ...position(error.pos[0]) }));
  const start = position(document.contents?.range?.[0] ?? document.range[0]);
  const place: YamlDocument['place'] = (path, part = 'key') => {
    const offset = offsetOf(document, path, part);
    return offset === undefined ? start : position(offset);
  };
  if (errors.length > 0)
    return { value: undefined, remains: new ValueReader(document).read(document.contents), nullFields: [], errors, start, place };
  const reader = new ValueReader(document);
  const value = reader.read(document.contents);
  return {
    value,
    nullFields: reader.nullFields,
    errors: reader.errors.map(({ message, offset }) => ({ message, ...position(offset) })),
    start,
    place,
  };
}

function oneLine(message: string): string {
  return message.split('\n', 1)[0]?.replace(/[.:]$/, '') ?? message;
}

/** Turns nodes into plain values. Nulls in maps are dropped, keys become strings, what JSON cannot say is an error. */
class ValueReader {
  readonly errors: { readonly message: string; readonly offset: number }[] = [];
  readonly nullFields: (readonly (string | number)[])[] = [];
  readonly #document: Document.Parsed;
  /** Of what is being read. */
  readonly #path: (string | number)[] = [];
  #aliasDepth = 0;
  #aliasedNodes = 0;

  constructor(document: Document.Parsed) {
    this.#document = document;
  }

  read(node: Node | null | undefined): unknown {
    if (node === null || node === undefined) return null;
    if (this.#aliasDepth > 0 && ++this.#aliasedNodes > maxAliasedNodes) return this.#fail(node, 'aliases expand to too many values');
    if (isAlias(node)) return this.#readAlias(node);
    if (isScalar(node)) return this.#readScalar(node.value, node);
    if (isSeq(node)) return Object.freeze(node.items.map((item, index) => this.#readAt(index, item as Node)));
    if (isMap(node)) return this.#readMap(node);
    return null;
  }

  #readAt(step: string | number, node: Node | null): unknown {
    this.#path.push(step);
    const value = this.read(node);
    this.#path.pop();
    return value;
  }

  #fail(node: Node, message: string): undefined {
    if (!this.errors.some((error) => error.message === message)) this.errors.push({ message, offset: node.range?.[0] ?? 0 });
    return undefined;
  }

  #readAlias(node: Node): unknown {
    if (!isAlias(node) || this.#aliasedNodes > maxAliasedNodes) return undefined;
    if (this.#aliasDepth > 100) return this.#fail(node, 'aliases refer to each other without end');
    const target = node.resolve(this.#document);
    if (target === undefined) return this.#fail(node, `unknown alias *${node.source}`);
    this.#aliasDepth++;
    const value = this.read(target);
    this.#aliasDepth--;
    return value;
  }

  #readScalar(value: unknown, node: Node): unknown {
    // The parser takes `e1` and `.` for numbers without digits; to Kubernetes they are names like any other (`exportTo: [.]`).
    if (Number.isNaN(value) && isScalar(node) && /^[-+]?(?:[eE]|\.$)/.test(node.source ?? '')) return node.source;
    if (typeof value === 'number' && !Number.isFinite(value)) return this.#fail(node, 'infinity and NaN cannot be expressed in JSON');
    if (typeof value === 'bigint') return Number(value);
    return value;
  }

  #readMap(node: YAMLMap): unknown {
    const object: Record<string, unknown> = {};
    for (const pair of node.items) {
      if (!isMergeKey(pair)) continue;
      for (const merged of mergedMaps(pair, this.#document)) Object.assign(object, this.read(merged));
    }
    for (const pair of node.items) {
      if (isMergeKey(pair)) continue;
      const name = keyName(pair.key);
      if (name === undefined) {
        this.#fail(pair.key as Node, 'a key must be a plain word');
        continue;
      }
      const value = this.#readAt(name, pair.value as Node | null);
      if (value === null) {
        this.nullFields.push([...this.#path, name]);
        delete object[name];
      } else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
    }
    return Object.freeze(object);
  }
}

function keyName(key: unknown): string | undefined {
  return isScalar(key) && key.value !== null && typeof key.value !== 'object' ? String(key.value) : undefined;
}

function isMergeKey(pair: Pair): boolean {
  return isScalar(pair.key) && (pair.key.value === '<<' || typeof pair.key.value === 'symbol');
}

function mergedMaps(pair: Pair, document: Document.Parsed): readonly YAMLMap[] {
  const value = isAlias(pair.value) ? pair.value.resolve(document) : pair.value;
  if (isMap(value)) return [value];
  // Of several merged maps the first that has a key wins, so the last is laid down first.
  if (isSeq(value))
    return value.items
      .map((item) => (isAlias(item) ? item.resolve(document) : item))
      .filter((item) => isMap(item))
      .reverse();
  return [];
}

/** The offset of the deepest part of `path` that is written. */
function offsetOf(document: Document.Parsed, path: readonly (string | number)[], part: 'key' | 'value'): number | undefined {
  let node: unknown = document.contents;
  let offset = rangeStart(node);
  for (const [index, step] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = findPair(node, String(step), document);
      if (pair === undefined || isEmpty(pair.value)) return pair === undefined ? offset : (rangeStart(pair.key) ?? offset);
      const isLast = index === path.length - 1;
      offset = (isLast && part === 'value' ? rangeStart(pair.value) : rangeStart(pair.key)) ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number') {
      const item: unknown = node.items[step];
      if (item === undefined) return offset;
      offset = rangeStart(item) ?? offset;
      node = item;
    } else {
      return offset;
    }
  }
  return offset;
}

function findPair(map: YAMLMap, name: string, document: Document.Parsed): Pair | undefined {
  const own = map.items.find((pair) => isPair(pair) && keyName(pair.key) === name && !isMergeKey(pair));
  if (own !== undefined) return own;
  for (const pair of map.items) {
    if (!isMergeKey(pair)) continue;
    for (const merged of mergedMaps(pair, document).toReversed()) {
      const found = findPair(merged, name, document);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function rangeStart(node: unknown): number | undefined {
  return isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range?.[0] : undefined;
}
