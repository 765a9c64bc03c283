// Typed configuration: a message inside google.protobuf.Any, as Envoy's extension points take it.
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';
import { newBytes } from '#envoy/byte-pool.ts';
import { create } from '#envoy/create.ts';
import { encode } from '#envoy/encode.ts';

/** Wraps a message, given by its fields, in an Any. Its bytes are made once, here. */
export function packAny<Schema extends DescMessage>(schema: Schema, fields: MessageInitShape<Schema>): Any {
  return create(AnySchema, { typeUrl: `type.googleapis.com/${schema.typeName}`, value: encode(schema, fields) });
}

/** The encoded part of a message that many have in common. Made once, joined by `packAnyOf`. */
export function encodePart<Schema extends DescMessage>(schema: Schema, fields: MessageInitShape<Schema>): Uint8Array {
  return encode(schema, fields);
}

/**
 * As `packAny` of both together, at the price of `fields`: encoded messages put one behind the other are their fields merged (protobuf's
 * encoding, "Last One Wins"). `part` and `fields` have no field in common.
 */
export function packAnyOf<Schema extends DescMessage>(schema: Schema, part: Uint8Array, fields: MessageInitShape<Schema>): Any {
  const own = encodePart(schema, fields);
  const value = newBytes(part.length + own.length);
  value.set(own);
  value.set(part, own.length);
  return create(AnySchema, { typeUrl: `type.googleapis.com/${schema.typeName}`, value });
}
