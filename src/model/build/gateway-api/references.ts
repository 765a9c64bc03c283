// What references to certificates and roots lead to: nothing, something that cannot be used, or a credential. The same object as before as long as
// the answers are the same, so that a renewed certificate alone changes nothing that is made of them.
import type { ResourcesByKind } from '#api/kinds.ts';
import type { Credential } from '#model/credential.ts';

/** `missing`: of a Secret that should hold a certificate, the keys that it has not. */
export type Referent = { readonly keyPair: boolean; readonly roots: boolean; readonly missing: readonly string[] };

/** Answers by `secret/namespace/name` and `config-map/namespace/name`. */
export type ReferentMap = ReadonlyMap<string, Referent>;

/** Remembers the last answers. */
export class References {
  #text = '';
  #found: ReferentMap = new Map();

  of({ Secret, ConfigMap }: ResourcesByKind, credentials: ReadonlyMap<string, Credential>): ReferentMap {
    const found = new Map<string, Referent>();
    const add = (key: string, names: ReadonlySet<string>): void => {
      const credential = credentials.get(key);
      const missing = ['tls.crt', 'tls.key'].filter((name) => !names.has(name));
      found.set(key, { keyPair: credential?.keyPair !== undefined, roots: credential?.roots !== undefined, missing });
    };
    for (const [key, { data = {}, stringData = {} }] of Secret) add(`secret/${key}`, new Set([...Object.keys(data), ...Object.keys(stringData)]));
    for (const [key, { data = {} }] of ConfigMap) add(`config-map/${key}`, new Set(Object.keys(data)));
    const text = JSON.stringify([...found]);
    if (text !== this.#text) {
      this.#text = text;
      this.#found = found;
    }
    return this.#found;
  }
}
