// What compiling remembers from one mesh to the next. Parts are found again by the identity of what they were made of (services, rules),
// so a changed rule costs what it touches, and everything else is the same object, with its bytes and version already made.
import type { MeshSettings } from '#model/mesh.ts';

/** A node of the tree of keys: one level per object. */
type Level<Value> = { readonly values: Map<string, Value>; readonly below: WeakMap<object, Level<Value>> };

/** Values by a tuple of objects, compared by identity and held weakly, and a text. */
export class IdentityCache<Value> {
  readonly #root: Level<Value> = newLevel();

  get(objects: readonly object[], text: string, make: () => Value): Value {
    let level = this.#root;
    for (const object of objects) {
      let below = level.below.get(object);
      if (below === undefined) {
        below = newLevel();
        level.below.set(object, below);
      }
      level = below;
    }
    let value = level.values.get(text);
    if (value === undefined) {
      value = make();
      level.values.set(text, value);
    }
    return value;
  }
}

/** One value per name, remade when the list of parts it was made of is not the same objects in the same order. */
export class PartsCache<Value> {
  readonly #values = new Map<string, { readonly parts: readonly unknown[]; readonly value: Value }>();

  get(name: string, parts: readonly unknown[], make: () => Value): Value {
    const known = this.#values.get(name);
    if (known !== undefined && known.parts.length === parts.length && known.parts.every((part, index) => part === parts[index])) return known.value;
    const value = make();
    this.#values.set(name, { parts, value });
    return value;
  }
}

/** Hands out caches by purpose; all of them are emptied when the mesh's settings change. Pass one object to each MeshCompiler in turn. */
export class CompileCache {
  #settings: MeshSettings | undefined;
  readonly #identity = new Map<string, IdentityCache<unknown>>();
  readonly #parts = new Map<string, PartsCache<unknown>>();

  useSettings(settings: MeshSettings): void {
    if (this.#settings === settings) return;
    this.#settings = settings;
    this.#identity.clear();
    this.#parts.clear();
  }

  /** The value that `purpose` has for these objects and this text. One purpose always makes one type of value. */
  once<Value>(purpose: string, objects: readonly object[], text: string, make: () => Value): Value {
    let cache = this.#identity.get(purpose);
    if (cache === undefined) {
      cache = new IdentityCache<unknown>();
      this.#identity.set(purpose, cache);
    }
    // A purpose has one maker, so what comes out is what that maker put in.
    return cache.get(objects, text, make) as Value;
  }

  /** The value that `purpose` has under this name, as long as it is made of the same parts. */
  madeOf<Value>(purpose: string, name: string, parts: readonly unknown[], make: () => Value): Value {
    let cache = this.#parts.get(purpose);
    if (cache === undefined) {
      cache = new PartsCache<unknown>();
      this.#parts.set(purpose, cache);
    }
    // As above: one maker per purpose.
    return cache.get(name, parts, make) as Value;
  }
}

function newLevel<Value>(): Level<Value> {
  return { values: new Map(), below: new WeakMap() };
}
