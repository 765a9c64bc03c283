// Messages from their fields: what protobuf's own `create` gives, in 0.7 us for a route in place of 1.9, and smaller. A message holds what it was
// given and no more; what it was not given it has from its type, as a prototype. So it reads like any other, but a copy by spreading has only what
// was given, and is no message: it is fields, to be given to `create` again. Empty lists and maps are the same for all messages and frozen, and a
// message that was made is not changed any more.
import {
  type DescField,
  type DescMessage,
  type DescOneof,
  isMessage,
  type MessageInitShape,
  type MessageShape,
  create as plainCreate,
} from '@bufbuild/protobuf';
import { isWrapperDesc } from '@bufbuild/protobuf/wkt';

type Fields = Record<string, unknown>;
type Convert = (value: unknown) => unknown;

/** How messages of a type are made: an empty `Message`, and of each given field its value, converted where it has a row here. */
type Plan = { readonly Message: new () => Fields; readonly convert: ReadonlyMap<string, Convert | undefined> };

const plans = new WeakMap<DescMessage, Plan>();

/**
 * As `create` of @bufbuild/protobuf; lists and maps that are not given are frozen. Throws on a field that the type does not have: the compiler of
 * TypeScript does not see it in what is spread, and what is dropped in silence may be what keeps a door closed.
 */
export function create<Schema extends DescMessage>(schema: Schema, init?: MessageInitShape<Schema>): MessageShape<Schema> {
  // What `make` gives has every field of the type, given or not.
  return make(schema, init) as MessageShape<Schema>;
}

function make(schema: DescMessage, init: unknown): unknown {
  if (isMessage(init, schema)) return init;
  const { Message, convert } = planOf(schema);
  const message = new Message();
  if (typeof init !== 'object' || init === null) return message;
  // Any object has fields that are looked up by name.
  const fields = init as Fields;
  for (const name in fields) {
    const value = fields[name];
    if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) continue;
    const converted = convert.get(name);
    if (converted === undefined && !convert.has(name)) {
      if (name.startsWith('$')) continue; // what a message that is copied has beside its fields
      throw new Error(`${schema.typeName} has no field ${name}`);
    }
    message[name] = converted === undefined ? value : converted(value);
  }
  return message;
}

function planOf(schema: DescMessage): Plan {
  let plan = plans.get(schema);
  if (plan === undefined) {
    plan = { Message: messageClass(schema), convert: new Map(schema.members.map((member) => [member.localName, converter(member)])) };
    plans.set(schema, plan);
  }
  return plan;
}

const noItems: readonly unknown[] = Object.freeze([]);
const noEntries = Object.freeze({});
const noCase = Object.freeze({ case: undefined });

/** A constructor of messages that are as `create` of @bufbuild/protobuf makes them, as long as nothing is set in them. */
function messageClass(schema: DescMessage): new () => Fields {
  // With one of its own for each type the engine learns what most messages of the type look like.
  const Message = class {};
  for (const [name, value] of Object.entries(plainCreate(schema))) {
    // Not enumerable, so that going over the fields of a message meets what was given.
    Object.defineProperty(Message.prototype, name, { value: shared(value), writable: true, configurable: true });
  }
  return Message as new () => Fields;
}

function shared(value: unknown): unknown {
  if (Array.isArray(value)) return noItems;
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  return 'case' in value ? noCase : noEntries;
}

function converter(member: DescField | DescOneof): Convert | undefined {
  if (member.kind === 'oneof') return oneofConverter(member);
  switch (member.fieldKind) {
    case 'message':
      return messageConverter(member.message, member);
    case 'list': {
      const convert = member.listKind === 'message' ? messageConverter(member.message, member) : undefined;
      return convert === undefined ? undefined : (value) => (Array.isArray(value) ? convertItems(value, convert) : value);
    }
    case 'map': {
      const convert = member.mapKind === 'message' ? messageConverter(member.message, member) : undefined;
      return convert === undefined ? undefined : (value) => mapValues(value, convert);
    }
    default:
      return undefined;
  }
}

/** The list itself where it has nothing but messages already. */
function convertItems(items: readonly unknown[], convert: Convert): readonly unknown[] {
  let converted: unknown[] | undefined;
  for (let index = 0; index < items.length; index++) {
    const one = convert(items[index]);
    if (converted !== undefined) converted.push(one);
    else if (one !== items[index]) converted = [...items.slice(0, index), one];
  }
  return converted ?? items;
}

/** Likewise. */
function mapValues(value: unknown, convert: Convert): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const values = Object.values(value);
  const converted = convertItems(values, convert);
  return converted === values ? value : Object.fromEntries(Object.keys(value).map((key, index) => [key, converted[index]]));
}

function oneofConverter(oneof: DescOneof): Convert {
  const converters = new Map(oneof.fields.map((field) => [field.localName, field.message && messageConverter(field.message, field)]));
  return (value) => {
    if (typeof value !== 'object' || value === null || !('case' in value) || typeof value.case !== 'string') return noCase;
    if (!converters.has(value.case)) throw new Error(`${oneof.parent.typeName}.${oneof.localName} has no case ${value.case}`);
    const given = 'value' in value ? value.value : undefined;
    const convert = converters.get(value.case);
    return { case: value.case, value: convert === undefined ? given : convert(given) };
  };
}

/** Wrapped scalars and structs stand in fields as what they hold, not as messages; a wrapper in a oneof is a message. */
function messageConverter(schema: DescMessage, field: DescField): Convert | undefined {
  if (field.fieldKind === 'message' && field.oneof === undefined && isWrapperDesc(schema)) return undefined;
  if (schema.typeName === 'google.protobuf.Struct' && field.parent.typeName !== 'google.protobuf.Value') return undefined;
  return (value) => (typeof value === 'object' && value !== null ? make(schema, value) : value);
}
