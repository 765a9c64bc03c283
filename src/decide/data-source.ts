// Envoy's DataSource: bytes in the configuration itself, or where they are to be read.

import type { DataSourceEntry } from '#decide/tls-entry.ts';
import type { DataSource } from '#envoy/gen/envoy/config/core/v3/base_pb.js';

/** Reads a file or environment variable named by a DataSource; throws what the user shall see. decide itself touches no file. */
export type FileReader = (source: Exclude<DataSourceEntry, { kind: 'inline' }>) => Uint8Array;

/** Undefined where none is set. */
export function dataSourceOf(source: DataSource | undefined): DataSourceEntry | undefined {
  const specifier = source?.specifier;
  switch (specifier?.case) {
    case 'filename':
      return { kind: 'file', path: specifier.value };
    case 'inlineBytes':
      return { kind: 'inline', bytes: specifier.value };
    case 'inlineString':
      return { kind: 'inline', bytes: new TextEncoder().encode(specifier.value) };
    case 'environmentVariable':
      return { kind: 'environment', variable: specifier.value };
    default:
      return undefined;
  }
}
