// Writes discovery responses as bytes, straight from the bytes that each resource keeps. Encoding through message objects would
// copy every resource once more per proxy; here a push costs one allocation, and the small heads are made once per resource.
import type { XdsResource } from '#envoy/resource.ts';
import type { TypeUrl } from '#envoy/type-url.ts';

/** What one response says. `removed` is for delta only. */
export type Push = {
  readonly typeUrl: TypeUrl;
  readonly version: string;
  readonly nonce: string;
  readonly resources: readonly XdsResource[];
  readonly removed: readonly string[];
};

const lengthDelimited = 2;

/** envoy.service.discovery.v3.DiscoveryResponse: version_info 1, resources 2, type_url 4, nonce 5. */
export function frameSotw(push: Push): Buffer {
  const parts: Uint8Array[] = [text(1, push.version)];
  for (const resource of push.resources) parts.push(sotwHead(resource), resource.bytes);
  parts.push(text(4, push.typeUrl), text(5, push.nonce));
  return Buffer.concat(parts);
}

/** envoy.service.discovery.v3.DeltaDiscoveryResponse: system_version_info 1, resources 2, type_url 4, nonce 5, removed_resources 6. */
export function frameDelta(push: Push): Buffer {
  const parts: Uint8Array[] = [text(1, push.version)];
  for (const resource of push.resources) parts.push(deltaHead(resource), resource.bytes);
  parts.push(text(4, push.typeUrl), text(5, push.nonce));
  for (const name of push.removed) parts.push(text(6, name));
  return Buffer.concat(parts);
}

const sotwHeads = new WeakMap<XdsResource, Buffer>();
const deltaHeads = new WeakMap<XdsResource, Buffer>();

/** All of `resources: Any { type_url 1, value 2 }` that stands before the resource's own bytes. */
function sotwHead(resource: XdsResource): Buffer {
  let head = sotwHeads.get(resource);
  if (head === undefined) {
    const any = anyHead(resource);
    head = Buffer.concat([prefix(2, any.length + resource.bytes.length), any]);
    sotwHeads.set(resource, head);
  }
  return head;
}

/** The same for `resources: Resource { version 1, resource 2 (an Any), name 3 }`; the name goes first, so that the bytes come last. */
function deltaHead(resource: XdsResource): Buffer {
  let head = deltaHeads.get(resource);
  if (head === undefined) {
    const any = anyHead(resource);
    const inner = Buffer.concat([text(3, resource.name), text(1, resource.version), prefix(2, any.length + resource.bytes.length), any]);
    head = Buffer.concat([prefix(2, inner.length + resource.bytes.length), inner]);
    deltaHeads.set(resource, head);
  }
  return head;
}

function anyHead(resource: XdsResource): Buffer {
  return Buffer.concat([text(1, resource.typeUrl), prefix(2, resource.bytes.length)]);
}

function text(field: number, value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([prefix(field, bytes.length), bytes]);
}

/** Tag and length of a length-delimited field. */
function prefix(field: number, length: number): Buffer {
  return Buffer.from([...varint((field << 3) | lengthDelimited), ...varint(length)]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return bytes;
}
