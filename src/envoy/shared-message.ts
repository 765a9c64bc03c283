// Messages that many others hold, such as the usual retry policy: their wire form is made once, with them, and copied from then on. Half of what a
// route or a cluster is encoded from are such, and a copy takes a tenth of the time.
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { create } from '#envoy/create.ts';
import { encode, type Writable } from '#envoy/encode.ts';

/** As `create`. The message must not be changed, as all messages that are made here. */
export function createShared<Schema extends DescMessage>(schema: Schema, fields: MessageInitShape<Schema>): MessageShape<Schema> {
  const message = create(schema, fields);
  const bytes = encode(schema, message);
  const writable: Writable = { writeTo: (writer) => writer.raw(bytes) };
  // Not enumerable: copies of the message do not have it.
  Object.defineProperty(message, 'writeTo', { value: writable.writeTo });
  return message;
}
