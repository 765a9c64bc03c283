// What was applied to a mesh beside its files: a folder with a file per resource, read at the start and written by `heddle apply` and `heddle delete`
// alone. As a source it lies over the user's files, which are never touched. The files may hold Secrets: they are for their owner.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { AnyResource } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { makePrivateFolder, writeWhole } from '#ca/folder/private-file.ts';
import { MemorySource } from '#sources/memory/memory-source.ts';
import { idOf } from '#sources/next-snapshot.ts';
import type { SnapshotSource } from '#sources/snapshot.ts';

/** `id`: `VirtualService/default/reviews`; `value`: as it is to stand in the file. */
export type AppliedValue = { readonly id: string; readonly value: object };

export class AppliedResources {
  readonly #folder: string;
  readonly #source: MemorySource;

  /** Reads what is there; a file that cannot be read is a finding with its line. `folder`: as origins are to show it. */
  constructor(folder: string) {
    this.#folder = folder;
    makePrivateFolder(folder);
    const read = filesOf(folder).map((name) => this.#read(name));
    this.#source = new MemorySource(read.flatMap(({ resources }) => resources));
    this.#source.setDiagnostics(read.flatMap(({ diagnostics }) => diagnostics));
  }

  get source(): SnapshotSource {
    return this.#source;
  }

  /** By id. */
  get(id: string): AnyResource | undefined {
    return this.all().find((resource) => idOf(resource) === id);
  }

  all(): readonly AnyResource[] {
    return Object.values(this.#source.current().resources).flatMap((ofKind): readonly AnyResource[] => [...ofKind.values()]);
  }

  /** Writes them all, then puts them in force at once. They have been found valid. */
  put(values: readonly AppliedValue[]): void {
    const upsert = values.flatMap(({ id, value }) => {
      const name = fileName(id);
      writeWhole(this.#folder, name, textOf(value));
      return this.#read(name).resources;
    });
    this.#source.apply({ upsert });
  }

  /** By id; unknown ones are passed over. */
  remove(ids: readonly string[]): void {
    for (const id of ids) rmSync(join(this.#folder, fileName(id)), { force: true });
    this.#source.apply({ remove: ids });
  }

  #read(name: string): { readonly resources: readonly AnyResource[]; readonly diagnostics: readonly Diagnostic[] } {
    const file = join(this.#folder, name);
    const { items, syntaxErrors } = readText(file, readFileSync(file, 'utf8'));
    const resources = items.flatMap(({ resource, standIn }) => resource ?? standIn ?? []);
    return { resources, diagnostics: [...syntaxErrors, ...items.flatMap(({ diagnostics }) => diagnostics)] };
  }
}

function filesOf(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml') && !name.startsWith('.'))
    .sort();
}

/** `virtualservice.default.reviews.yaml`; names hold no slash (RFC 1123). */
function fileName(id: string): string {
  const [kind = '', ...key] = id.split('/');
  return `${[kind.toLowerCase(), ...key].join('.')}.yaml`;
}

/** Every string in quotes, and keys that YAML 1.1 would take for something else: nothing is a number or a yes that was not one. */
export function textOf(value: object): string {
  return stringify(value, { version: '1.1', defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN', lineWidth: 0, aliasDuplicateObjects: false });
}
