// The version of a whole type, from the versions of its resources: equal contents have equal versions on every control plane.
import { createHash } from 'node:crypto';
import type { XdsResource } from '#envoy/resource.ts';

type Resources = ReadonlyMap<string, XdsResource>;

/** One compiled map is shared by many proxies and many pushes; its version is worked out once. */
const known = new WeakMap<Resources, string>();

/** The version of everything in the map. */
export function versionOfAll(resources: Resources): string {
  let version = known.get(resources);
  if (version === undefined) {
    version = versionOf(resources.values());
    known.set(resources, version);
  }
  return version;
}

/** The version of some resources, whatever their order. */
export function versionOf(resources: Iterable<XdsResource>): string {
  const lines = Array.from(resources, (resource) => `${resource.name}\0${resource.version}`).sort();
  return createHash('sha256').update(lines.join('\n')).digest('base64url').slice(0, 16);
}
