// A message as JSON in the form of Envoy's own dumps: field names as in the protos, typed configuration opened up, secrets left out.
import { type DescMessage, type JsonValue, type MessageShape, toJson } from '@bufbuild/protobuf';
import { extensionTypes } from '#envoy/extension-types.ts';

/** Fields whose content never leaves the process (envoy.extensions.transport_sockets.tls.v3, envoy.config.core.v3). */
const secretFields = new Set(['private_key', 'password', 'session_ticket_keys', 'pkcs12', 'generic_secret']);

/** The message as JSON. Throws on typed configuration of a type that is not in extension-types.ts: that would be ours to add. */
export function printMessage<Schema extends DescMessage>(schema: Schema, message: MessageShape<Schema>): JsonValue {
  return redact(toJson(schema, message, { registry: extensionTypes, useProtoFieldName: true }));
}

function redact(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(redact);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, secretFields.has(key) ? '[redacted]' : redact(field)]));
}
