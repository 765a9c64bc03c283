// Typed configuration: a message inside google.protobuf.Any, as Envoy's extension points take it.
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';

/** Wraps a message, given by its fields, in an Any. Its bytes are made once, here. */
export function packAny<Schema extends DescMessage>(schema: Schema, fields: MessageInitShape<Schema>): Any {
  return create(AnySchema, { typeUrl: `type.googleapis.com/${schema.typeName}`, value: toBinary(schema, create(schema, fields)) });
}
