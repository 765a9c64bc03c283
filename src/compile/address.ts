// Socket addresses as Envoy has them.
import { create } from '#envoy/create.ts';
import { type Address, AddressSchema } from '#envoy/gen/envoy/config/core/v3/address_pb.js';

/** A TCP address. */
export function socketAddress(address: string, port: number): Address {
  return create(AddressSchema, {
    address: { case: 'socketAddress', value: { address, portSpecifier: { case: 'portValue', value: port } } },
  });
}

/** `additional_addresses` of a listener; nothing where there are none. */
export function additionalAddresses(addresses: readonly string[], port: number): { readonly additionalAddresses?: { readonly address: Address }[] } {
  return addresses.length === 0 ? {} : { additionalAddresses: addresses.map((address) => ({ address: socketAddress(address, port) })) };
}

/** A Unix domain socket, by its path. `mode`: who may connect, for one that is listened on. */
export function unixAddress(path: string, mode = 0): Address {
  return create(AddressSchema, { address: { case: 'pipe', value: { path, mode } } });
}

const unixScheme = 'unix://';

/** Whether a `bind` is a Unix socket, `unix:///path` or the name `unix://@name`, and no IP address. */
export function isUnixSocket(bind: string): boolean {
  return bind.startsWith(unixScheme);
}

/** What a listener with that `bind` listens on. Its own user alone may connect to a socket that has a path; a name has no mode. */
export function listenAddress(bind: string, port: number): Address {
  if (!isUnixSocket(bind)) return socketAddress(bind, port);
  const path = bind.slice(unixScheme.length);
  return path.startsWith('@') ? unixAddress(path) : unixAddress(path, 0o600);
}
