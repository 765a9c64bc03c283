// A message as JSON in the form of Envoy's own dumps: field names as in the protos, typed configuration opened up, secrets left out.
import { type DescMessage, type JsonValue, type MessageShape, toJson } from '@bufbuild/protobuf';
import { extensionTypes } from '#envoy/extension-types.ts';
import { secretFields } from '#envoy/secret-fields.ts';

/** The message as JSON. Throws on typed configuration of a type that is not in extension-types.ts: that would be ours to add. */
export function printMessage<Schema extends DescMessage>(schema: Schema, message: MessageShape<Schema>): JsonValue {
  return redact(toJson(schema, message, { registry: extensionTypes, useProtoFieldName: true }));
}

function redact(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(redact);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, secretFields.has(key) ? '[redacted]' : redact(field)]));
}
