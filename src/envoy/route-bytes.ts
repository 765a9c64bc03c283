// The wire form of a route configuration, put together from its virtual hosts, whose bytes are kept: after a change in one of thousands of hosts
// only that one is encoded again, and of a host with many routes only those that changed.
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { encode } from '#envoy/encode.ts';
import { type Route, RouteSchema, type VirtualHost, VirtualHostSchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import { type RouteConfiguration, RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';

const known = new WeakMap<VirtualHost, Uint8Array>();
const knownRoutes = new WeakMap<Route, Uint8Array>();

/** Below it a host is encoded as quickly as it is put together. */
const manyRoutes = 16;
const routesField = VirtualHostSchema.field.routes.number;

/** As `toBinary` gives it, but for the order of the fields, which protobuf leaves open. Virtual hosts must not change any more. */
export function routeConfigurationBytes(config: RouteConfiguration): Uint8Array {
  const rest = encode(RouteConfigurationSchema, { ...config, virtualHosts: [] });
  const writer = new BinaryWriter().raw(rest);
  const { number } = RouteConfigurationSchema.field.virtualHosts;
  for (const host of config.virtualHosts) writer.tag(number, WireType.LengthDelimited).bytes(bytesOf(host));
  return writer.finish();
}

function bytesOf(host: VirtualHost): Uint8Array {
  let bytes = known.get(host);
  if (bytes === undefined) {
    bytes = host.routes.length < manyRoutes ? encode(VirtualHostSchema, host) : bytesByRoute(host);
    known.set(host, bytes);
  }
  return bytes;
}

/** Gateways join the routes of all virtual services for a host: thousands, of which a change concerns a few. */
function bytesByRoute(host: VirtualHost): Uint8Array {
  if (!host.routes.some((route) => knownRoutes.has(route))) return rememberRoutes(host, encode(VirtualHostSchema, host));
  const writer = new BinaryWriter().raw(encode(VirtualHostSchema, { ...host, routes: [] }));
  for (const route of host.routes) {
    let bytes = knownRoutes.get(route);
    if (bytes === undefined) {
      bytes = encode(RouteSchema, route);
      knownRoutes.set(route, bytes);
    }
    writer.tag(routesField, WireType.LengthDelimited).bytes(bytes);
  }
  return writer.finish();
}

/** Encoded in one go, as long as nothing is known: each route's bytes are then a part of the host's. */
function rememberRoutes({ routes }: VirtualHost, bytes: Uint8Array): Uint8Array {
  const reader = new BinaryReader(bytes);
  let index = 0;
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field !== routesField) {
      reader.skip(type, field);
      continue;
    }
    const route = routes[index++];
    const part = reader.bytes();
    if (route !== undefined) knownRoutes.set(route, part);
  }
  return bytes;
}
