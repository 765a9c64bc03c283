// The way to a network namespace in, sockets of that namespace out (Linux): a socket belongs for ever to the namespace that the thread was in which made
// it. The thread goes there for that one call and comes back before anything else runs; all that is done with the socket is Node's own.
import { closeSync, openSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';
import { parseIp } from '#base/cidr.ts';
import { type ForeignFunctions, foreignFunctions } from '#base/foreign-functions.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { SocketFailure, SocketNetwork } from '#base/socket-network.ts';

/** Of Linux, the same on all processors that Node runs on. */
const newNetwork = 0x4000_0000;
const families = { 4: 2, 6: 10 } as const;
const types = { tcp: 1, udp: 2 } as const;
const closeOnExec = 0o2_000_000;
const socketLevel = 1;
const reuseAddress = 2;
const ipv6Level = 41;
const ipv6Only = 26;
/** sockaddr_in and sockaddr_in6. */
const addressBytes = { 4: 16, 6: 28 } as const;

export type NamespaceSockets = SocketNetwork & { readonly close: () => void };

/**
 * `path`: /proc/PID/ns/net, or a descriptor of it as /proc/PID/fd/N. It is held open until `close`. The failure is a sentence: there is no such
 * namespace, this Node has no node:ffi, or this process may not enter.
 */
export function namespaceSockets(path: string): Result<NamespaceSockets, string> {
  const library = loadLibrary();
  if (library === undefined) return failed('this Node cannot make sockets in other networks (node:ffi is missing)');
  const held: number[] = [];
  const close = (): void => {
    for (const descriptor of held.splice(0)) closeSync(descriptor);
  };
  try {
    const own = openSync('/proc/self/ns/net', 'r');
    held.push(own);
    const there = openSync(path, 'r');
    held.push(there);
    const sockets = makeSockets(library, own, there);
    const tried = sockets.open(4);
    if (!tried.ok) throw new Error(tried.error.code);
    closeSync(tried.value);
    return ok({ ...sockets, close });
  } catch (error) {
    close();
    return failed(`no sockets can be made in the network ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function makeSockets(library: Library, own: number, there: number): SocketNetwork {
  const make = (family: 4 | 6, transport: 'tcp' | 'udp'): Result<number, SocketFailure> => {
    if (library.setns(there, newNetwork) !== 0) return failed({ code: library.errorCode() });
    const descriptor = library.socket(families[family], types[transport] | closeOnExec, 0);
    const code = descriptor < 0 ? library.errorCode() : '';
    // Whatever this process did from now on would be done in the wrong network.
    if (library.setns(own, newNetwork) !== 0) process.abort();
    return descriptor < 0 ? failed({ code }) : ok(descriptor);
  };
  return {
    open: (family) => make(family, 'tcp'),
    bind: (transport, address, port) => {
      const ip = parseIp(address);
      if (ip === undefined) return failed({ code: 'EINVAL' });
      const made = make(ip.family, transport);
      if (!made.ok) return made;
      const bound = library.bind(made.value, ip.family, ip.words, port, transport === 'tcp');
      if (bound === 0) return made;
      const code = library.errorCode();
      closeSync(made.value);
      return failed({ code });
    },
  };
}

type Library = {
  readonly setns: (descriptor: number, kind: number) => number;
  readonly socket: (family: number, type: number, protocol: number) => number;
  /** `reuse`: also while connections of an earlier socket there are not over, as Node's servers do. */
  readonly bind: (descriptor: number, family: 4 | 6, words: readonly number[], port: number, reuse: boolean) => number;
  /** Of the call before. */
  readonly errorCode: () => string;
};

function loadLibrary(): Library | undefined {
  const ffi = process.platform === 'linux' ? foreignFunctions() : undefined;
  return ffi === undefined ? undefined : wrap(ffi);
}

function wrap({ dlopen, getInt32, getRawPointer }: ForeignFunctions): Library {
  const { setns, socket, bind, setsockopt, __errno_location } = dlopen(null, {
    setns: { arguments: ['i32', 'i32'], return: 'i32' },
    socket: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
    bind: { arguments: ['i32', 'pointer', 'u32'], return: 'i32' },
    setsockopt: { arguments: ['i32', 'i32', 'i32', 'pointer', 'u32'], return: 'i32' },
    __errno_location: { arguments: [], return: 'pointer' },
  }).functions;
  // Buffers of their own outside the heap: their places stay what they are.
  const address = new DataView(new ArrayBuffer(addressBytes[6]));
  const yes = new Int32Array(new ArrayBuffer(4)).fill(1);
  const [addressPlace, yesPlace] = [getRawPointer(address), getRawPointer(yes)];
  return {
    setns,
    socket,
    bind: (descriptor, family, words, port, reuse) => {
      // `::` is no address of IPv4, as in Envoy.
      if (family === 6) setsockopt(descriptor, ipv6Level, ipv6Only, yesPlace, 4);
      if (reuse) setsockopt(descriptor, socketLevel, reuseAddress, yesPlace, 4);
      for (let at = 0; at < addressBytes[6]; at++) address.setUint8(at, 0);
      // The family as this processor writes numbers, all else as the network does.
      new Uint16Array(address.buffer, 0, 1)[0] = families[family];
      address.setUint16(2, port);
      for (const [index, word] of words.entries()) address.setUint32((family === 4 ? 4 : 8) + index * 4, word);
      return bind(descriptor, addressPlace, addressBytes[family]);
    },
    errorCode: () => {
      const number = getInt32(__errno_location(), 0);
      return getSystemErrorMap().get(-number)?.[0] ?? `error ${number}`;
    },
  };
}
