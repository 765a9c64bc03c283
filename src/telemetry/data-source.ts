// Text that the configuration holds or names: Envoy's DataSource.
import { readFileSync } from 'node:fs';
import { failed, ok, type Result } from '#base/result.ts';
import type { DataSource } from '#envoy/gen/envoy/config/core/v3/base_pb.js';

/** The error says what is missing: a file, a variable, or any source at all. */
export function readText({ specifier }: DataSource): Result<string, string> {
  switch (specifier.case) {
    case 'inlineString':
      return ok(specifier.value);
    case 'inlineBytes':
      return ok(Buffer.from(specifier.value).toString());
    case 'environmentVariable': {
      const value = process.env[specifier.value];
      return value === undefined ? failed(`environment variable ${specifier.value} is not set`) : ok(value);
    }
    case 'filename':
      try {
        return ok(readFileSync(specifier.value, 'utf8'));
      } catch (error) {
        return failed(error instanceof Error ? error.message : String(error));
      }
    default:
      return failed('is empty');
  }
}
