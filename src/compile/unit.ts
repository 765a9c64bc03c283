// What each file of this room gives back: one xDS resource and where its nodes come from. Units are immutable and shared between proxies.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { type NodeOrigin, OriginTable } from '#envoy/origin-table.ts';
import { XdsResource } from '#envoy/resource.ts';
import type { TypeUrl } from '#envoy/type-url.ts';

export type Unit = { readonly resource: XdsResource; readonly origins: OriginTable };

/** `nodeOrigins`: pairs of xDS node and place, or how to make them once somebody asks; `message` and `encode`: see XdsResource. */
export function makeUnit<Schema extends DescMessage>(
  typeUrl: TypeUrl,
  name: string,
  schema: Schema,
  message: MessageShape<Schema> | (() => MessageShape<Schema>),
  nodeOrigins: Iterable<NodeOrigin> | (() => Iterable<NodeOrigin>) = [],
  encode?: () => Uint8Array,
): Unit {
  const origins = new OriginTable(undefined, typeof nodeOrigins === 'function' ? nodeOrigins : () => nodeOrigins);
  return { resource: new XdsResource(typeUrl, name, schema, message, encode), origins };
}
