// A message as JSON in the form of Envoy's own dumps: field names as in the protos, typed configuration opened up, secrets left out.
import { type DescMessage, type JsonValue, type MessageShape, toJson } from '@bufbuild/protobuf';
import { extensionTypes } from '#envoy/extension-types.ts';
import { keySetField, redacted, secretFields, shownKeySet } from '#envoy/secret-fields.ts';

/** The message as JSON. Throws on typed configuration of a type that is not in extension-types.ts: that would be ours to add. */
export function printMessage<Schema extends DescMessage>(schema: Schema, message: MessageShape<Schema>): JsonValue {
  return redact(toJson(schema, message, { registry: extensionTypes, useProtoFieldName: true }));
}

function redact(value: JsonValue, inKeySet = false): JsonValue {
  if (Array.isArray(value)) return value.map((item) => redact(item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => {
      if (secretFields.has(key)) return [key, redacted];
      if (inKeySet && /^inline_(?:string|bytes)$/.test(key) && typeof field === 'string') return [key, shownKeySet(field)];
      return [key, redact(field, key === keySetField)];
    }),
  );
}
