// Remembering what was made of what, by the identity of the inputs: unchanged inputs give the same object again, and what is made of that
// object is unchanged in turn. Inputs that nobody holds any more are forgotten.

/** A node of the tree of keys: one level per object. */
type Level<Value> = { readonly values: Map<string, Value>; readonly below: WeakMap<object, Level<Value>> };

/** Values by a tuple of objects, compared by identity and held weakly, and a text. */
export class IdentityCache<Value> {
  readonly #root: Level<Value> = newLevel();

  /** The value made of these inputs: the known one, or what `make` gives. */
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

  /** The value of `name`, made of `parts`: the known one, or what `make` gives. */
  get(name: string, parts: readonly unknown[], make: () => Value): Value {
    const known = this.#values.get(name);
    if (known !== undefined && known.parts.length === parts.length && known.parts.every((part, index) => part === parts[index])) return known.value;
    const value = make();
    this.#values.set(name, { parts, value });
    return value;
  }

  /** Forgets the names that `isUsed` does not know. */
  keep(isUsed: (name: string) => boolean): void {
    for (const name of this.#values.keys()) if (!isUsed(name)) this.#values.delete(name);
  }
}

function newLevel<Value>(): Level<Value> {
  return { values: new Map(), below: new WeakMap() };
}
