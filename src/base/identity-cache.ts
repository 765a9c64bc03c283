// Remembering what was made of what, by the identity of the inputs: unchanged inputs give the same object again, and what is made of that
// object is unchanged in turn. Inputs that nobody holds any more are forgotten.

/**
 * A node of the tree of keys, one level per object after the first. Most have one value and one object below them, so those stand in the node itself:
 * maps, weak ones above all, cost more than most of what is remembered in them.
 */
class Level<Value> {
  #text: string | undefined;
  #value: Value | undefined;
  #values: Map<string, Value> | undefined;
  /** Held as long as no other object comes here; with the second one both are held weakly. */
  #only: object | undefined;
  #belowOnly: Level<Value> | undefined;
  #below: WeakMap<object, Level<Value>> | undefined;

  get(text: string): Value | undefined {
    return this.#text === text ? this.#value : this.#values?.get(text);
  }

  set(text: string, value: Value): void {
    if (this.#text === undefined) {
      this.#text = text;
      this.#value = value;
      return;
    }
    this.#values ??= new Map();
    this.#values.set(text, value);
  }

  below(object: object): Level<Value> {
    if (this.#below === undefined) {
      if (this.#only === object && this.#belowOnly !== undefined) return this.#belowOnly;
      if (this.#only === undefined) {
        this.#only = object;
        this.#belowOnly = new Level();
        return this.#belowOnly;
      }
      this.#below = new WeakMap();
      if (this.#only !== undefined && this.#belowOnly !== undefined) this.#below.set(this.#only, this.#belowOnly);
      this.#only = undefined;
      this.#belowOnly = undefined;
    }
    let found = this.#below.get(object);
    if (found === undefined) {
      found = new Level();
      this.#below.set(object, found);
    }
    return found;
  }
}

/** What one first object leads to. Nearly always that is one value, which is found by looking at what it was made of; with the second come levels. */
class Branch<Value> {
  #objects: readonly object[];
  #text: string;
  #only: Value | undefined;
  #levels: Level<Value> | undefined;

  constructor(objects: readonly object[], text: string, only: Value) {
    this.#objects = objects;
    this.#text = text;
    this.#only = only;
  }

  get(objects: readonly object[], text: string, make: () => Value): Value {
    if (this.#only !== undefined && this.#text === text && isSame(this.#objects, objects)) return this.#only;
    this.#levels ??= this.#withLevels();
    const level = levelOf(this.#levels, objects);
    let value = level.get(text);
    if (value === undefined) {
      value = make();
      level.set(text, value);
    }
    return value;
  }

  /** From here on the first value is one of several, which are held weakly. */
  #withLevels(): Level<Value> {
    const top = new Level<Value>();
    if (this.#only !== undefined) levelOf(top, this.#objects).set(this.#text, this.#only);
    this.#objects = noObjects;
    this.#text = '';
    this.#only = undefined;
    return top;
  }
}

const noObjects: readonly object[] = [];

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}

function levelOf<Value>(top: Level<Value>, objects: readonly object[]): Level<Value> {
  let level = top;
  for (let index = 1; index < objects.length; index++) {
    const object = objects[index];
    if (object !== undefined) level = level.below(object);
  }
  return level;
}

/** Values by a tuple of objects, compared by identity, and a text. What the first object leads to is forgotten with it. */
export class IdentityCache<Value> {
  readonly #branches = new WeakMap<object, Branch<Value>>();
  /** How many branches there have been. */
  #count = 0;
  /** Where there is no object. */
  readonly #texts = new Map<string, Value>();

  /** The value made of these inputs: the known one, or what `make` gives. `objects` must not change any more. */
  get(objects: readonly object[], text: string, make: () => Value): Value {
    const [first] = objects;
    if (first === undefined) return this.#ofText(text, make);
    const branch = this.#branches.get(first);
    if (branch !== undefined) return branch.get(objects, text, make);
    const before = this.#count;
    const value = make();
    // What was made meanwhile with the same first object has its place already.
    const meanwhile = this.#count === before ? undefined : this.#branches.get(first);
    if (meanwhile !== undefined) return meanwhile.get(objects, text, () => value);
    this.#branches.set(first, new Branch(objects, text, value));
    this.#count += 1;
    return value;
  }

  #ofText(text: string, make: () => Value): Value {
    let value = this.#texts.get(text);
    if (value === undefined) {
      value = make();
      this.#texts.set(text, value);
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
    if (known !== undefined && isSame(known.parts, parts)) return known.value;
    const value = make();
    this.#values.set(name, { parts, value });
    return value;
  }

  /** Forgets the names that `isUsed` does not know. */
  keep(isUsed: (name: string) => boolean): void {
    for (const name of this.#values.keys()) if (!isUsed(name)) this.#values.delete(name);
  }
}
