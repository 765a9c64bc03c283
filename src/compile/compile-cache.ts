// What compiling remembers from one mesh to the next. Parts are found again by the identity of what they were made of (services, rules),
// so a changed rule costs what it touches, and everything else is the same object, with its bytes and version already made.
import { IdentityCache, PartsCache } from '#base/identity-cache.ts';
import type { MeshSettings } from '#model/mesh.ts';

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
