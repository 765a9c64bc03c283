// The wire form of a route configuration, put together from its virtual hosts, whose bytes are kept: after a change in one of thousands of hosts
// only that one is encoded again.
import { toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { type VirtualHost, VirtualHostSchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import { type RouteConfiguration, RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';

const known = new WeakMap<VirtualHost, Uint8Array>();

/** As `toBinary` gives it, but for the order of the fields, which protobuf leaves open. Virtual hosts must not change any more. */
export function routeConfigurationBytes(config: RouteConfiguration): Uint8Array {
  const rest = toBinary(RouteConfigurationSchema, { ...config, virtualHosts: [] });
  const writer = new BinaryWriter().raw(rest);
  const { number } = RouteConfigurationSchema.field.virtualHosts;
  for (const host of config.virtualHosts) writer.tag(number, WireType.LengthDelimited).bytes(bytesOf(host));
  return writer.finish();
}

function bytesOf(host: VirtualHost): Uint8Array {
  let bytes = known.get(host);
  if (bytes === undefined) {
    bytes = toBinary(VirtualHostSchema, host);
    known.set(host, bytes);
  }
  return bytes;
}
