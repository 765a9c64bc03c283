// An Envoy bootstrap as text (YAML or JSON) in, the Bootstrap message out. JSON by proto3's rules: snake_case or camelCase names, durations as
// '1.5s', typed configuration by "@type". A field or type that does not exist is an error that names it.
import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { failed, ok, type Result } from '#base/result.ts';
import { extensions } from '#decide/extension.ts';
import { type Bootstrap, BootstrapSchema } from '#envoy/gen/envoy/config/bootstrap/v3/bootstrap_pb.js';

/** `file` only stands in front of errors. YAML is a superset of JSON; its parser is loaded only where the text is no JSON. */
export async function parseBootstrap(text: string, file: string): Promise<Result<Bootstrap, string>> {
  const value = await parseText(text);
  if (!value.ok) return failed(`${file}:${value.error}`);
  if (typeof value.value !== 'object' || value.value === null || Array.isArray(value.value)) return failed(`${file}: a bootstrap is an object`);
  try {
    return ok(fromJson(BootstrapSchema, value.value, { registry: extensions }));
  } catch (error) {
    return failed(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function parseText(text: string): Promise<Result<JsonValue, string>> {
  if (text.trimStart().startsWith('{')) {
    try {
      // JSON.parse returns any; whatever it gives is JSON.
      return ok(JSON.parse(text) as JsonValue);
    } catch {
      // YAML's flow style starts with a brace as well.
    }
  }
  const { LineCounter, parseDocument } = await import('yaml');
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    return failed(`${line}:${col}: ${error.message}`);
  }
  // A parsed document is made of JSON's kinds of values alone, unless it uses tags of its own; fromJson refuses those.
  return ok(document.toJS() as JsonValue);
}
