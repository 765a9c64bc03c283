// A redirected socket in, where its client wanted to connect to out: what the kernel noted before it sent the connection here (SO_ORIGINAL_DST of
// netfilter). Loaded only where a listener asks for it: Node has no call of its own for this, so getsockopt(2) is called in the C library.
import type { Socket } from 'node:net';
import { formatIp } from '#base/cidr.ts';
import type { Destination, ReadDestination } from '#proxy/capture/destination.ts';
import { plainAddress } from '#proxy/downstream-connection.ts';

/** linux/netfilter_ipv4.h and linux/netfilter_ipv6/ip6_tables.h: the option has the same number in both. */
const originalDestination = 80;
/** IPPROTO_IP and IPPROTO_IPV6. */
const levels = { ipv4: 0, ipv6: 41 };
/** sockaddr_in6; that of IPv4 has 16 bytes. */
const addressBytes = 28;

/** Undefined where this system has no such thing. A connection that was not redirected, or is no longer known, has no destination but its own. */
export function destinationReader(): ReadDestination | undefined {
  const getsockopt = process.platform === 'linux' ? loadGetsockopt() : undefined;
  if (getsockopt === undefined) return undefined;
  return (socket) => {
    const descriptor = descriptorOf(socket);
    if (descriptor === undefined) return undefined;
    // The kernel knows nothing under IPv4 of a connection by IPv6, and asking is cheaper than looking at its addresses.
    const found = getsockopt(descriptor, levels.ipv4);
    if (found !== undefined) return ipv4Destination(found);
    if (!plainAddress(socket.localAddress).includes(':')) return undefined;
    const found6 = getsockopt(descriptor, levels.ipv6);
    return found6 === undefined ? undefined : ipv6Destination(found6);
  };
}

/** Gives the address; it is good until the next call. */
type Getsockopt = (descriptor: number, level: number) => DataView | undefined;

function loadGetsockopt(): Getsockopt | undefined {
  try {
    const { dlopen, getRawPointer } = withoutWarning(() => process.getBuiltinModule('node:ffi'));
    const { getsockopt } = dlopen(null, {
      getsockopt: { arguments: ['i32', 'i32', 'i32', 'pointer', 'pointer'], return: 'i32' },
    }).functions;
    // Buffers of their own outside the heap: their places stay what they are.
    const address = new DataView(new ArrayBuffer(addressBytes));
    const length = new Uint32Array(new ArrayBuffer(4));
    const [addressPlace, lengthPlace] = [getRawPointer(address), getRawPointer(length)];
    return (descriptor, level) => {
      length[0] = addressBytes;
      return getsockopt(descriptor, level, originalDestination, addressPlace, lengthPlace) === 0 ? address : undefined;
    };
  } catch {
    // A Node built without it.
    return undefined;
  }
}

/** That the module is an experiment is our concern, not that of whoever reads the log: Node warns of it as it is loaded, which happens in one step. */
function withoutWarning<T>(load: () => T): T {
  const own = Object.getOwnPropertyDescriptor(process, 'emitWarning');
  if (own === undefined) return load();
  Object.defineProperty(process, 'emitWarning', { ...own, value: () => {} });
  try {
    return load();
  } finally {
    Object.defineProperty(process, 'emitWarning', own);
  }
}

/** The field is Node's own and not documented, hence the cast and the look at what is there. */
function descriptorOf(socket: Socket): number | undefined {
  const handle = (socket as Socket & { readonly _handle?: { readonly fd?: number } | null })._handle;
  return typeof handle?.fd === 'number' && handle.fd >= 0 ? handle.fd : undefined;
}

/** ip(7): family, port and address, the latter two in the order of the network. */
function ipv4Destination(address: DataView): Destination {
  const text = `${address.getUint8(4)}.${address.getUint8(5)}.${address.getUint8(6)}.${address.getUint8(7)}`;
  return { address: text, port: address.getUint16(2), restored: true };
}

/** ipv6(7): the address stands behind family, port and flow. */
function ipv6Destination(address: DataView): Destination {
  const words = [0, 1, 2, 3].map((word) => address.getUint32(8 + word * 4));
  return { address: formatIp({ family: 6, words }), port: address.getUint16(2), restored: true };
}
