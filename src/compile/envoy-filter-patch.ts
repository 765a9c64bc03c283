// What the patchers of one resource share: the patches that are meant for it, how their values are read and merged, and which of them have
// touched something. One of these per resource that is patched.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import type { Diagnostic } from '#base/diagnostic.ts';
import { mergeMessages, mergeTyped, messageFromValue } from '#compile/envoy-filter-value.ts';
import type { EnvoyPatch, PatchContext } from '#model/envoy-filter.ts';

/** Where a proxy's resource belongs; a patch for `any` is for all of them. */
export type ResourceContext = Exclude<PatchContext, 'any'>;

export class Patching {
  readonly patches: readonly EnvoyPatch[];
  readonly touched: Set<EnvoyPatch>;
  readonly diagnostics: Diagnostic[];

  /** `patches` in the order in which they act. What they touch is noted together with `whole`'s, of which this is a part. */
  constructor(patches: readonly EnvoyPatch[], whole?: Patching) {
    this.patches = patches;
    this.touched = whole?.touched ?? new Set();
    this.diagnostics = whole?.diagnostics ?? [];
  }

  of(applyTo: EnvoyPatch['applyTo']): readonly EnvoyPatch[] {
    return this.patches.filter((patch) => patch.applyTo === applyTo);
  }

  readonly touch = (patch: EnvoyPatch): void => {
    this.touched.add(patch);
  };

  /** The patch's value as a message; undefined where it is none, which is reported. */
  read<Schema extends DescMessage>(schema: Schema, patch: EnvoyPatch): MessageShape<Schema> | undefined {
    const read = messageFromValue(schema, patch.value);
    if (read.ok) return read.value;
    this.touched.add(patch);
    this.diagnostics.push({
      code: 'HDL0036',
      severity: 'error',
      message: `the value of the patch is no ${schema.typeName}: ${read.error}`,
      hint: 'the patch is left out; the rest of the EnvoyFilter counts',
      at: patch.origin,
    });
    return undefined;
  }

  /** `message` with the patch's value merged in; as it is where the value is none. */
  merge<Schema extends DescMessage>(schema: Schema, message: MessageShape<Schema>, patch: EnvoyPatch): MessageShape<Schema> {
    const value = this.read(schema, patch);
    return value === undefined ? message : mergeMessages(schema, message, value, listMerge(patch));
  }

  /** Typed configuration of a filter, merged: where the patch's is of another type, it takes the place. */
  mergeTyped(target: Any | undefined, value: Any | undefined, patch: EnvoyPatch): Any | undefined {
    if (target === undefined || value === undefined) return value ?? target;
    return mergeTyped(target, value, listMerge(patch));
  }
}

function listMerge({ operation }: EnvoyPatch): 'append' | 'replace' {
  return operation === 'MERGE_AND_REPLACE_LIST' ? 'replace' : 'append';
}

/** Whether the patch is for resources of this context. */
export function isForContext({ context }: EnvoyPatch, resource: ResourceContext): boolean {
  return context === 'any' || context === resource;
}
