// EXTENSION_CONFIG patches: configuration that filters refer to by name. A filter of another patch that asks for it (config_discovery) gets it
// written into its place, so that it is the same on every data plane and needs no discovery of its own.
import { isObject } from '#base/object.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import type { EnvoyPatch } from '#model/envoy-filter.ts';

export type Resolved = {
  /** The patches, with what filters ask for in place. */
  readonly patches: readonly EnvoyPatch[];
  /** The EXTENSION_CONFIG patches that a filter asked for. */
  readonly used: readonly EnvoyPatch[];
};

/** Source: Istio, EnvoyFilter.ApplyTo EXTENSION_CONFIG; Envoy, ExtensionConfigSource. */
export function resolveExtensions(patches: readonly EnvoyPatch[], cache: CompileCache): Resolved {
  const byName = new Map<unknown, EnvoyPatch>();
  for (const patch of patches) if (patch.applyTo === 'EXTENSION_CONFIG' && patch.operation === 'ADD') byName.set(fieldOf(patch.value, 'name'), patch);
  if (byName.size === 0) return { patches, used: [] };
  const used: EnvoyPatch[] = [];
  const resolved = patches.map((patch) => {
    const extension = asksForConfig(patch.value) ? byName.get(fieldOf(patch.value, 'name')) : undefined;
    if (extension === undefined) return patch;
    used.push(extension);
    return cache.once(
      'envoy filter extension',
      [patch, extension],
      '',
      (): EnvoyPatch => ({ ...patch, value: withConfig(patch.value, extension.value) }),
    );
  });
  return { patches: resolved, used };
}

function asksForConfig(value: unknown): boolean {
  return fieldOf(value, 'config_discovery') !== undefined || fieldOf(value, 'configDiscovery') !== undefined;
}

function withConfig(filter: unknown, extension: unknown): unknown {
  const { config_discovery: _snake, configDiscovery: _camel, ...rest } = isObject(filter) ? filter : {};
  return { ...rest, typed_config: fieldOf(extension, 'typed_config') ?? fieldOf(extension, 'typedConfig') };
}

function fieldOf(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined;
}
