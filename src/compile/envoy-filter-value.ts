// In: the value of an EnvoyFilter's patch, JSON as users write it. Out: a message of Envoy's API, and messages merged. Typed configuration of
// a type that is not known here goes on as a TypedStruct, which Envoy turns into the real type itself.
import {
  clone,
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonValue,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';
import { failed, ok, type Result } from '#base/result.ts';
import { extensionTypes } from '#envoy/extension-types.ts';

const typePrefix = 'type.googleapis.com/';
const typedStruct = `${typePrefix}xds.type.v3.TypedStruct`;

/** The message that `value` says, field names in either of protobuf's two forms; the error is what protobuf's JSON reader says. */
export function messageFromValue<Schema extends DescMessage>(schema: Schema, value: unknown): Result<MessageShape<Schema>, string> {
  try {
    // What YAML gives is JSON; anything else is refused by the reader.
    const json = withTypedStructs((value ?? {}) as JsonValue);
    return ok(fromJson(schema, json, { registry: extensionTypes }));
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
}

function withTypedStructs(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(withTypedStructs);
  if (typeof value !== 'object' || value === null) return value;
  const { '@type': type, ...rest } = value;
  if (typeof type === 'string' && extensionTypes.getMessage(type.slice(type.lastIndexOf('/') + 1)) === undefined) {
    return { '@type': typedStruct, typeUrl: type, value: rest };
  }
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, withTypedStructs(field)]));
}

/** How lists are merged: Istio's MERGE appends, its MERGE_AND_REPLACE_LIST puts the patch's list in place. */
export type ListMerge = 'append' | 'replace';

/** A new message: `target` with what `patch` sets. Messages merge field by field, but durations and other wrapped values are put in place. */
export function mergeMessages<Schema extends DescMessage>(
  schema: Schema,
  target: MessageShape<Schema>,
  patch: MessageShape<Schema>,
  lists: ListMerge,
): MessageShape<Schema> {
  const merged = clone(schema, target);
  mergeInto(reflect(schema, merged), reflect(schema, patch), lists);
  return merged;
}

function mergeInto(target: ReflectMessage, patch: ReflectMessage, lists: ListMerge): void {
  for (const field of patch.desc.fields) {
    if (!patch.isSet(field)) continue;
    switch (field.fieldKind) {
      case 'list': {
        if (lists === 'replace') target.clear(field);
        const items = target.get(field);
        for (const item of patch.get(field)) items.add(item);
        break;
      }
      case 'map': {
        const entries = target.get(field);
        for (const [key, value] of patch.get(field)) entries.set(key, value);
        break;
      }
      case 'message':
        mergeMessageField(target, patch, field, lists);
        break;
      case 'scalar':
      case 'enum':
        target.set(field, patch.get(field));
        break;
    }
  }
}

type MessageField = DescField & { readonly fieldKind: 'message' };

function mergeMessageField(target: ReflectMessage, patch: ReflectMessage, field: MessageField, lists: ListMerge): void {
  const value = patch.get(field);
  if (!target.isSet(field) || isWhole(field.message)) {
    target.set(field, value);
    return;
  }
  if (field.message.typeName !== AnySchema.typeName) {
    mergeInto(target.get(field), value, lists);
    return;
  }
  // An Any holds one of the types that are known here, or is put in place.
  target.set(field, reflect(AnySchema, mergeTyped(asAny(target.get(field)), asAny(value), lists)));
}

function asAny(message: ReflectMessage): Any {
  return message.message as Any; // the caller looked at the type's name
}

/** Values of one piece, such as 1.5 s: merging parts of them would make a third value. */
function isWhole({ typeName }: DescMessage): boolean {
  return typeName.startsWith('google.protobuf.') && typeName !== AnySchema.typeName;
}

/** Typed configuration merged with a patch of the same type; of another, or one that is not known here, the patch takes its place. */
export function mergeTyped(target: Any, patch: Any, lists: ListMerge): Any {
  const schema = extensionTypes.getMessage(target.typeUrl.slice(target.typeUrl.lastIndexOf('/') + 1));
  if (schema === undefined || target.typeUrl !== patch.typeUrl) return patch;
  const merged = mergeMessages(schema, fromBinary(schema, target.value), fromBinary(schema, patch.value), lists);
  return create(AnySchema, { typeUrl: target.typeUrl, value: toBinary(schema, merged) });
}
