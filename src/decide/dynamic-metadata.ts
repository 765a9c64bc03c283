// Dynamic metadata of one request: what filters found out and others ask for, by the filter's name. Source: Envoy, StreamInfo::dynamicMetadata.
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';

export type DynamicMetadata = ReadonlyMap<string, JsonObject>;

/** The value below `filter` at a path of keys; undefined where there is none. */
export function metadataAt(metadata: DynamicMetadata | undefined, filter: string, path: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = metadata?.get(filter);
  for (const key of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}
