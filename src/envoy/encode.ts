// Messages in protobuf's wire form, in 1.3 us for a route where `toBinary` of @bufbuild/protobuf takes 3.3: fields that are as in the empty message
// cost nothing, as messages that `create` has made do not have them. Fields come in the order in which they were given, which protobuf leaves open.
// What is rare is left to `toBinary`.
import {
  type DescField,
  type DescMessage,
  type DescOneof,
  type JsonValue,
  type MessageInitShape,
  type MessageShape,
  ScalarType,
  toBinary,
} from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';
import { isWrapperDesc } from '@bufbuild/protobuf/wkt';
import { create } from '#envoy/create.ts';
import { WireWriter } from '#envoy/wire-writer.ts';

type Fields = Readonly<Record<string, unknown>>;
/** Writes a value, with its tag or without. */
type Write = (value: unknown, writer: WireWriter) => void;

/** A message that writes itself. No message of Envoy's has a field of this name. */
export type Writable = { readonly writeTo: (writer: WireWriter) => void };

/** How the fields of a message are written, by name; a oneof is one. */
type Plan = ReadonlyMap<string, Write> | 'rare';

const plans = new WeakMap<DescMessage, Plan>();
const writers: WireWriter[] = [];

/** The wire form, as bytes of its own, of a message, or of fields that one could be made of. Throws on a field that the type does not have. */
export function encode<Schema extends DescMessage>(schema: Schema, message: MessageInitShape<Schema>): Uint8Array {
  const writer = writers.pop() ?? new WireWriter();
  writeMessage(schema, planOf(schema), message, writer);
  const bytes = writer.finish();
  writers.push(writer);
  return bytes;
}

/** Likewise of a message that writes itself, from its fields. */
export function encodeFields<Schema extends DescMessage>(schema: Schema, message: MessageShape<Schema>): Uint8Array {
  const writer = writers.pop() ?? new WireWriter();
  writeFields(schema, planOf(schema), message, writer);
  const bytes = writer.finish();
  writers.push(writer);
  return bytes;
}

function writeMessage(schema: DescMessage, plan: Plan, message: unknown, writer: WireWriter): void {
  // A message is an object with its fields by name.
  const fields = message as Fields;
  const typeName = fields['$typeName'] ?? schema.typeName;
  if (typeName !== schema.typeName) throw new Error(`a ${String(typeName)} stands where a ${schema.typeName} should`);
  const writeTo = fields['writeTo'];
  if (typeof writeTo === 'function') {
    // It knows a faster way by itself: see createShared and packAnyOf.
    (message as Writable).writeTo(writer);
    return;
  }
  writeFields(schema, plan, message, writer);
}

function writeFields(schema: DescMessage, plan: Plan, message: unknown, writer: WireWriter): void {
  // As above.
  const fields = message as Fields;
  if (plan === 'rare' || fields['$unknown'] !== undefined) {
    writer.raw(toBinary(schema, create(schema, message as MessageInitShape<DescMessage>)));
    return;
  }
  for (const name in fields) {
    const value = fields[name];
    if (value === undefined || value === null) continue;
    const write = plan.get(name);
    if (write !== undefined) write(value, writer);
    else if (!name.startsWith('$')) throw new Error(`${schema.typeName} has no field ${name}`);
  }
}

function planOf(schema: DescMessage): Plan {
  let plan = plans.get(schema);
  if (plan === undefined) {
    const isUsual = schema.file.proto.syntax === 'proto3' && !schema.fields.some(isRare);
    plan = isUsual ? new Map(schema.members.map((member) => [member.localName, memberWriter(member)])) : 'rare';
    plans.set(schema, plan);
  }
  return plan;
}

/** Other keys than text, other zeros than 0, lists of enums, and numbers that `scalarWriter` does not know. */
function isRare(field: DescField): boolean {
  if (field.fieldKind === 'map') return field.mapKey !== ScalarType.STRING;
  if (field.scalar !== undefined) return !usualScalars.has(field.scalar);
  return field.enum !== undefined && (field.fieldKind === 'list' || field.enum.values[0]?.number !== 0);
}

function memberWriter(member: DescField | DescOneof): Write {
  if (member.kind === 'oneof') return oneofWriter(member);
  const write = fieldWriter(member);
  // Where zero is told from nothing: fields that are `optional`, wrappers and other messages; empty lists write nothing by themselves.
  const hasZero = (member.fieldKind === 'scalar' || member.fieldKind === 'enum') && !member.proto.proto3Optional;
  return hasZero ? (value, writer) => (isZero(value) ? undefined : write(value, writer)) : write;
}

function isZero(value: unknown): boolean {
  return value === '' || value === false || Object.is(value, 0) || value === 0n || (value instanceof Uint8Array && value.length === 0);
}

function oneofWriter(oneof: DescOneof): Write {
  const cases = new Map(oneof.fields.map((field) => [field.localName, fieldWriter(field)]));
  return (value, writer) => {
    // What a message has under the name of a oneof is of this shape.
    const given = value as { readonly case?: string; readonly value?: unknown };
    if (given.case === undefined) return;
    const write = cases.get(given.case);
    if (write === undefined) throw new Error(`${oneof.parent.typeName}.${oneof.localName} has no case ${given.case}`);
    if (given.value !== undefined) write(given.value, writer);
  };
}

function tagOf(number: number, type: WireType): number {
  return ((number << 3) | type) >>> 0;
}

function fieldWriter(field: DescField): Write {
  const { number } = field;
  switch (field.fieldKind) {
    case 'list': {
      if (field.packed && field.scalar !== undefined) return packedWriter(number, field.scalar);
      const write = withTag(number, field);
      // Lists stand in messages as arrays, maps as objects.
      return (value, writer) => {
        const items = value as readonly unknown[];
        for (let index = 0; index < items.length; index++) write(items[index], writer);
      };
    }
    case 'map': {
      const write = withTag(2, field);
      const tag = tagOf(number, WireType.LengthDelimited);
      return (value, writer) => {
        const entries = value as Fields;
        for (const key in entries) {
          writer.varint(tag);
          const start = writer.open(0);
          writeKey(key, writer);
          write(entries[key], writer);
          writer.close(start, 0);
        }
      };
    }
    default:
      return withTag(number, field);
  }
}

const keyTag = tagOf(1, WireType.LengthDelimited);

function writeKey(key: string, writer: WireWriter): void {
  writer.varint(keyTag);
  writer.text(key);
}

/** Numbers in a row behind one tag. */
function packedWriter(number: number, scalar: ScalarType): Write {
  const [, write] = scalarWriter(scalar);
  const tag = tagOf(number, WireType.LengthDelimited);
  return (value, writer) => {
    // As above: lists stand in messages as arrays.
    const items = value as readonly unknown[];
    if (items.length === 0) return;
    writer.varint(tag);
    const start = writer.open(0);
    for (const item of items) write(item, writer);
    writer.close(start, 0);
  };
}

/** A value with the tag of its field in front. */
function withTag(number: number, field: DescField): Write {
  const { message, scalar } = field;
  if (message === undefined) {
    const [type, write] = scalarWriter(scalar ?? ScalarType.INT32);
    const tag = tagOf(number, type);
    return (value, writer) => {
      writer.varint(tag);
      write(value, writer);
    };
  }
  const write = messageWriter(message, field);
  const tag = tagOf(number, WireType.LengthDelimited);
  // Messages of one field are mostly about as long as the last one was.
  let usual = 0;
  return (value, writer) => {
    writer.varint(tag);
    const guess = usual;
    const start = writer.open(guess);
    write(value, writer);
    usual = writer.close(start, guess);
  };
}

/** Wrapped scalars and structs stand in fields as what they hold, not as messages; a wrapper in a oneof is a message. */
function messageWriter(message: DescMessage, field: DescField): Write {
  if (field.fieldKind === 'message' && field.oneof === undefined && isWrapperDesc(message)) {
    const write = fieldWriter(message.fields[0]);
    return (value, writer) => (isZero(value) ? undefined : write(value, writer));
  }
  if (message.typeName === 'google.protobuf.Struct' && field.parent.typeName !== 'google.protobuf.Value') return writeStruct;
  // Found when it is first needed: a message may hold others of its own type.
  let plan: Plan | undefined;
  return (value, writer) => {
    plan ??= planOf(message);
    writeMessage(message, plan, value, writer);
  };
}

type ScalarWrite = readonly [type: WireType, write: Write];

const usualScalars: ReadonlySet<ScalarType> = new Set([
  ScalarType.STRING,
  ScalarType.BOOL,
  ScalarType.BYTES,
  ScalarType.INT32,
  ScalarType.UINT32,
  ScalarType.INT64,
  ScalarType.UINT64,
  ScalarType.DOUBLE,
]);

/** Values have the type of their field: messages are made with types. */
function scalarWriter(scalar: ScalarType): ScalarWrite {
  switch (scalar) {
    case ScalarType.STRING:
      return [WireType.LengthDelimited, (value, writer) => writer.text(value as string)];
    case ScalarType.BOOL:
      return [WireType.Varint, (value, writer) => writer.varint(value === true ? 1 : 0)];
    case ScalarType.BYTES:
      return [WireType.LengthDelimited, (value, writer) => writer.bytes(value as Uint8Array)];
    case ScalarType.UINT32:
      return [WireType.Varint, (value, writer) => writer.varint(value as number)];
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return [WireType.Varint, (value, writer) => writer.varint64(value as bigint)];
    case ScalarType.DOUBLE:
      return [WireType.Bit64, (value, writer) => writer.double(value as number)];
    default:
      return [WireType.Varint, (value, writer) => writeInt32(value as number, writer)];
  }
}

/** Negative ones as 64 bits. */
function writeInt32(value: number, writer: WireWriter): void {
  if (value < 0) writer.varint64(BigInt(value));
  else writer.varint(value);
}

const structEntry = tagOf(1, WireType.LengthDelimited);
const structValue = tagOf(2, WireType.LengthDelimited);

/** google.protobuf.Struct, which is a map of values. */
function writeStruct(value: unknown, writer: WireWriter): void {
  // What stands in a field of this type is JSON.
  const fields = value as Readonly<Record<string, JsonValue>>;
  for (const key in fields) {
    writer.varint(structEntry);
    const entry = writer.open(0);
    writeKey(key, writer);
    writer.varint(structValue);
    const start = writer.open(0);
    writeValue(fields[key] ?? null, writer);
    writer.close(start, 0);
    writer.close(entry, 0);
  }
}

const nullTag = tagOf(1, WireType.Varint);
const numberTag = tagOf(2, WireType.Bit64);
const textTag = tagOf(3, WireType.LengthDelimited);
const boolTag = tagOf(4, WireType.Varint);
const structTag = tagOf(5, WireType.LengthDelimited);
const listTag = tagOf(6, WireType.LengthDelimited);

/** google.protobuf.Value: null, number, string, bool, struct, list. */
function writeValue(value: JsonValue, writer: WireWriter): void {
  if (typeof value === 'string') {
    writer.varint(textTag);
    writer.text(value);
  } else if (typeof value === 'number') {
    writer.varint(numberTag);
    writer.double(value);
  } else if (typeof value === 'boolean') {
    writer.varint(boolTag);
    writer.varint(value ? 1 : 0);
  } else if (value === null) {
    writer.varint(nullTag);
    writer.varint(0);
  } else {
    writer.varint(Array.isArray(value) ? listTag : structTag);
    const start = writer.open(0);
    if (Array.isArray(value)) writeItems(value, writer);
    else writeStruct(value, writer);
    writer.close(start, 0);
  }
}

function writeItems(items: readonly JsonValue[], writer: WireWriter): void {
  for (const item of items) {
    writer.varint(keyTag);
    const start = writer.open(0);
    writeValue(item, writer);
    writer.close(start, 0);
  }
}
