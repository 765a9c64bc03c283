// A redirected socket in, where its client wanted to connect to out: what the kernel noted before it sent the connection here (SO_ORIGINAL_DST of
// netfilter). Loaded only where a listener asks for it: Node has no call of its own for this, so getsockopt(2) is called in the C library.
import type { Socket } from 'node:net';
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
  // Buffers of their own outside the heap: their addresses stay what they are.
  const address = new DataView(new ArrayBuffer(addressBytes));
  const length = new Uint32Array(new ArrayBuffer(4));
  return (socket) => {
    const descriptor = descriptorOf(socket);
    const local = socket.localAddress;
    if (descriptor === undefined || local === undefined) return undefined;
    const isIpv6 = plainAddress(local).includes(':');
    length[0] = addressBytes;
    if (getsockopt(descriptor, isIpv6 ? levels.ipv6 : levels.ipv4, originalDestination, address, length) !== 0) return undefined;
    return isIpv6 ? ipv6Destination(address) : ipv4Destination(address);
  };
}

type Getsockopt = (descriptor: number, level: number, option: number, value: DataView, length: Uint32Array) => number;

function loadGetsockopt(): Getsockopt | undefined {
  try {
    const { functions } = withoutWarning(() => process.getBuiltinModule('node:ffi')).dlopen(null, {
      getsockopt: { arguments: ['i32', 'i32', 'i32', 'pointer', 'pointer'], return: 'i32' },
    });
    return functions.getsockopt;
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
  const parts = [4, 5, 6, 7].map((at) => address.getUint8(at));
  return { address: parts.join('.'), port: address.getUint16(2), restored: true };
}

/** ipv6(7): the address stands behind family, port and flow. */
function ipv6Destination(address: DataView): Destination {
  const groups = [0, 1, 2, 3, 4, 5, 6, 7].map((group) => address.getUint16(8 + group * 2).toString(16));
  return { address: shortest(groups), port: address.getUint16(2), restored: true };
}

/** RFC 5952 section 4.2: the longest run of at least two zero groups, the first of several. */
function shortest(groups: readonly string[]): string {
  let [from, length] = [0, 0];
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (groups[end] === '0') end++;
    if (end - start > length) [from, length] = [start, end - start];
  }
  if (length < 2) return groups.join(':');
  return `${groups.slice(0, from).join(':')}::${groups.slice(from + length).join(':')}`;
}
