// What each file of this room gives back: one xDS resource and where its nodes come from. Units are immutable and shared between proxies.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { Origin } from '#base/origin.ts';
import { OriginTable, type XdsNode } from '#envoy/origin-table.ts';
import { XdsResource } from '#envoy/resource.ts';
import type { TypeUrl } from '#envoy/type-url.ts';

export type Unit = { readonly resource: XdsResource; readonly origins: OriginTable };

/** Pairs of xDS node and the place that made it. */
export type NodeOrigin = readonly [node: XdsNode, origin: Origin];

export function makeUnit<Schema extends DescMessage>(
  typeUrl: TypeUrl,
  name: string,
  schema: Schema,
  message: MessageShape<Schema>,
  nodeOrigins: Iterable<NodeOrigin> = [],
): Unit {
  const origins = new OriginTable();
  for (const [node, origin] of nodeOrigins) origins.add(node, origin);
  return { resource: new XdsResource(typeUrl, name, schema, message), origins };
}
