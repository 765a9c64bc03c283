// Socket addresses as Envoy has them.
import { create } from '#envoy/create.ts';
import { type Address, AddressSchema } from '#envoy/gen/envoy/config/core/v3/address_pb.js';

/** A TCP address. */
export function socketAddress(address: string, port: number): Address {
  return create(AddressSchema, {
    address: { case: 'socketAddress', value: { address, portSpecifier: { case: 'portValue', value: port } } },
  });
}

/** A Unix domain socket, by its path. */
export function unixAddress(path: string): Address {
  return create(AddressSchema, { address: { case: 'pipe', value: { path } } });
}
