// The wire form of a route configuration, put together from its virtual hosts, whose bytes are kept: after a change in one of thousands of hosts
// only that one is encoded again, and of a host with many routes only those that changed.
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { create } from '#envoy/create.ts';
import { encode } from '#envoy/encode.ts';
import { type Route, type VirtualHost, VirtualHostSchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import { type RouteConfiguration, RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';

/** The bytes of items of a repeated field, each with tag and length in front. */
type Known<Item extends object> = WeakMap<Item, Uint8Array>;

const knownHosts: Known<VirtualHost> = new WeakMap();
const knownRoutes: Known<Route> = new WeakMap();

/** Below it a host, or a table, is encoded as quickly as it is put together. */
const manyRoutes = 16;
const manyHosts = 16;
/** How many items are encoded in one go: the buffer that they share lives as long as any of them. */
const mostAtOnce = 64;

const noConfig = create(RouteConfigurationSchema);
const noHost = create(VirtualHostSchema);

/** As `toBinary` gives it, but for the order of the fields, which protobuf leaves open. Virtual hosts and routes must not change any more. */
export function routeConfigurationBytes(config: RouteConfiguration): Uint8Array {
  const large = config.virtualHosts.filter(({ routes }) => routes.length >= manyRoutes);
  if (large.length === 0 && config.virtualHosts.length < manyHosts) return encode(RouteConfigurationSchema, config);
  for (const host of large) if (!knownHosts.has(host)) knownHosts.set(host, hostBytes(host));
  const pieces = fieldBytes(config.virtualHosts, knownHosts, (virtualHosts) => encode(RouteConfigurationSchema, { ...noConfig, virtualHosts }));
  return joined([encode(RouteConfigurationSchema, { ...config, virtualHosts: [] }), ...pieces]);
}

/** Gateways join the routes of all virtual services for a host: thousands, of which a change concerns a few. */
function hostBytes(host: VirtualHost): Uint8Array {
  const pieces = fieldBytes(host.routes, knownRoutes, (routes) => encode(VirtualHostSchema, { ...noHost, routes }));
  const parts = [encode(VirtualHostSchema, { ...host, routes: [] }), ...pieces];
  return joined([fieldStart(RouteConfigurationSchema.field.virtualHosts.number, totalLength(parts)), ...parts]);
}

/** The items in order; those that are not known are encoded together, and remembered. */
function fieldBytes<Item extends object>(items: readonly Item[], known: Known<Item>, encodeSome: (some: Item[]) => Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let unknown: Item[] = [];
  const encodeUnknown = (): void => {
    if (unknown.length === 0) return;
    const bytes = encodeSome(unknown);
    remember(unknown, bytes, known);
    pieces.push(bytes);
    unknown = [];
  };
  for (const item of items) {
    const bytes = known.get(item);
    if (bytes === undefined) {
      if (unknown.push(item) === mostAtOnce) encodeUnknown();
      continue;
    }
    encodeUnknown();
    const last = pieces.at(-1);
    // Neighbours from one encoding stay one piece.
    if (last?.buffer === bytes.buffer && last.byteOffset + last.length === bytes.byteOffset) {
      pieces[pieces.length - 1] = new Uint8Array(last.buffer, last.byteOffset, last.length + bytes.length);
    } else pieces.push(bytes);
  }
  encodeUnknown();
  return pieces;
}

/** `bytes` has nothing but the items, in order. */
function remember<Item extends object>(items: readonly Item[], bytes: Uint8Array, known: Known<Item>): void {
  const reader = new BinaryReader(bytes);
  for (const item of items) {
    const start = reader.pos;
    const [field, type] = reader.tag();
    reader.skip(type, field);
    known.set(item, bytes.subarray(start, reader.pos));
  }
}

/** Tag and length of a field that is a message. */
function fieldStart(number: number, length: number): Uint8Array {
  return new BinaryWriter().tag(number, WireType.LengthDelimited).uint32(length).finish();
}

function totalLength(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(totalLength(pieces));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
