// What formats may name of a resource's metadata: its texts, by namespace and key.
import type { Metadata } from '#envoy/gen/envoy/config/core/v3/base_pb.js';

const noTexts: ReadonlyMap<string, string> = new Map();

/** The texts in filter metadata, by `namespace:key`; what is deeper, or no text, is left out. */
export function metadataTexts(metadata: Metadata | undefined): ReadonlyMap<string, string> {
  if (metadata === undefined) return noTexts;
  const texts = Object.entries(metadata.filterMetadata).flatMap(([space, fields]) =>
    Object.entries(fields).flatMap(([key, value]): [string, string][] => (typeof value === 'string' ? [[`${space}:${key}`, value]] : [])),
  );
  return texts.length === 0 ? noTexts : new Map(texts);
}
