// Typed configuration: a message inside google.protobuf.Any, as Envoy's extension points take it.
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';
import { create } from '#envoy/create.ts';
import { encode } from '#envoy/encode.ts';
import { createShared } from '#envoy/shared-message.ts';
import type { WireWriter } from '#envoy/wire-writer.ts';

/** Wraps a message, given by its fields, in an Any. Its bytes are made once, here. */
export function packAny<Schema extends DescMessage>(schema: Schema, fields: MessageInitShape<Schema>): Any {
  return create(AnySchema, { typeUrl: typeUrlOf(schema), value: encode(schema, fields) });
}

/** As `packAny`, for what many messages hold: see `createShared`. */
export function packSharedAny<Schema extends DescMessage>(schema: Schema, fields: MessageInitShape<Schema>): Any {
  return createShared(AnySchema, { typeUrl: typeUrlOf(schema), value: encode(schema, fields) });
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
  return new JoinedAny(typeUrlOf(schema), encode(schema, fields), part);
}

/** The message in `any` with the fields of `part` besides: those that may be there several times come last, others must not be in both. */
export function appendToAny(any: Any, part: Uint8Array): Any {
  return new JoinedAny(any.typeUrl, any.value, part);
}

/** An Any whose value is put together only for whoever reads it: mostly it goes straight into the message around it. */
class JoinedAny implements Any {
  readonly $typeName = 'google.protobuf.Any';
  readonly typeUrl: string;
  readonly #own: Uint8Array;
  readonly #part: Uint8Array;

  constructor(typeUrl: string, own: Uint8Array, part: Uint8Array) {
    this.typeUrl = typeUrl;
    this.#own = own;
    this.#part = part;
  }

  get value(): Uint8Array {
    const joined = new Uint8Array(this.#own.length + this.#part.length);
    joined.set(this.#own);
    joined.set(this.#part, this.#own.length);
    return joined;
  }

  /** For `encode`. */
  writeTo(writer: WireWriter): void {
    writer.varint(typeUrlTag);
    writer.text(this.typeUrl);
    writer.varint(valueTag);
    writer.varint(this.#own.length + this.#part.length);
    writer.raw(this.#own);
    writer.raw(this.#part);
  }
}

/** Fields 1 and 2, each with a length behind it. */
const typeUrlTag = 0x0a;
const valueTag = 0x12;

const typeUrls = new WeakMap<DescMessage, string>();

function typeUrlOf(schema: DescMessage): string {
  let typeUrl = typeUrls.get(schema);
  if (typeUrl === undefined) {
    typeUrl = `type.googleapis.com/${schema.typeName}`;
    typeUrls.set(schema, typeUrl);
  }
  return typeUrl;
}
