// What a client asks for of one type: names, or everything. Knows the two ways of asking for everything: the name `*`, and (of some types
// only) a first request without names.
import { askedForByNoName, type TypeUrl } from '#envoy/type-url.ts';
import { wildcardName } from '#xds/ads-service.ts';

export class Interest {
  readonly #names = new Set<string>();
  readonly #legacyAllowed: boolean;
  #wildcard = false;

  constructor(typeUrl: TypeUrl) {
    this.#legacyAllowed = askedForByNoName.has(typeUrl);
  }

  /** True where the client wants all there is. */
  get wildcard(): boolean {
    return this.#wildcard;
  }

  get names(): ReadonlySet<string> {
    return this.#names;
  }

  has(name: string): boolean {
    return this.#wildcard || this.#names.has(name);
  }

  /** The names of a type's first request on a stream. */
  begin(names: readonly string[]): void {
    if (names.length === 0 && this.#legacyAllowed) this.#wildcard = true;
    this.add(names);
  }

  /** Delta: more names. */
  add(names: readonly string[]): void {
    for (const name of names) {
      if (name === wildcardName) this.#wildcard = true;
      else this.#names.add(name);
    }
  }

  /** Delta: fewer names. */
  remove(names: readonly string[]): void {
    for (const name of names) {
      if (name === wildcardName) this.#wildcard = false;
      else this.#names.delete(name);
    }
  }

  /**
   * SotW: the full list of a later request. Gives the names that are new. An empty list after a first request without names still
   * means everything; after a list of names it means nothing any more (xDS protocol, "How the client specifies what resources to return").
   */
  replace(names: readonly string[]): readonly string[] {
    const added = names.filter((name) => name !== wildcardName && !this.#names.has(name));
    const stillLegacy = names.length === 0 && this.#names.size === 0 && this.#wildcard && this.#legacyAllowed;
    this.#names.clear();
    this.#wildcard = stillLegacy;
    this.add(names);
    return added;
  }
}
