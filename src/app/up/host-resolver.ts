// A DNS message in, the answer of one of the host's resolvers out, as bytes: they are asked one after the other, each with a deadline. An answer
// that was cut short for UDP (RFC 1035 section 4.1.1, TC) is asked for again by TCP.
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { connect, isIP } from 'node:net';

export type Resolver = { readonly address: string; readonly port: number };

const deadlineMs = 2_000;
const rounds = 2;
const dnsPort = 53;

/** The nameservers of resolv.conf(5), in order; this machine where there are none, as the C library has it. */
export function hostResolvers(file = '/etc/resolv.conf'): readonly Resolver[] {
  const found = nameservers(readText(file));
  return found.length > 0 ? found : [{ address: '127.0.0.1', port: dnsPort }];
}

function nameservers(text: string): readonly Resolver[] {
  return text.split('\n').flatMap((line) => {
    const address = /^\s*nameserver\s+(\S+)/.exec(line)?.[1]?.replace(/%.*$/, '') ?? '';
    return isIP(address) === 0 ? [] : [{ address, port: dnsPort }];
  });
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Undefined where no resolver answered, after two rounds. */
export async function askResolvers(
  query: Uint8Array,
  resolvers: readonly Resolver[],
  timeoutMs: number = deadlineMs,
): Promise<Uint8Array | undefined> {
  for (let round = 0; round < rounds; round++) {
    for (const resolver of resolvers) {
      const answer = await askByUdp(query, resolver, timeoutMs);
      if (answer === undefined) continue;
      if (!isTruncated(answer)) return answer;
      return (await askByTcp(query, resolver, timeoutMs)) ?? answer;
    }
  }
  return undefined;
}

function isTruncated(message: Uint8Array): boolean {
  return ((message[2] ?? 0) & 0x02) !== 0;
}

/** A stray answer to another question has another id. */
function isAnswerTo(query: Uint8Array, message: Uint8Array): boolean {
  return message.length >= 12 && message[0] === query[0] && message[1] === query[1] && ((message[2] ?? 0) & 0x80) !== 0;
}

function askByUdp(query: Uint8Array, { address, port }: Resolver, timeoutMs: number): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4');
    const end = (answer: Uint8Array | undefined): void => {
      clearTimeout(timer);
      socket.close();
      socket.removeAllListeners().on('error', () => {});
      resolve(answer);
    };
    const timer = setTimeout(() => end(undefined), timeoutMs);
    socket.on('error', () => end(undefined));
    socket.on('message', (message) => {
      if (isAnswerTo(query, message)) end(message);
    });
    // Connected: only this resolver's answers come in, and a port that is closed is an error at once.
    socket.connect(port, address, () => socket.send(query));
  });
}

function askByTcp(query: Uint8Array, { address, port }: Resolver, timeoutMs: number): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, address);
    let received = Buffer.alloc(0);
    const end = (answer: Uint8Array | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => end(undefined), timeoutMs);
    socket.on('error', () => end(undefined));
    socket.on('close', () => end(undefined));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const length = received.length >= 2 ? received.readUInt16BE(0) : Number.POSITIVE_INFINITY;
      if (received.length >= length + 2) end(received.subarray(2, length + 2));
    });
    // RFC 1035 section 4.2.2: two bytes of length come first.
    socket.write(Buffer.concat([Buffer.from([query.length >> 8, query.length & 0xff]), query]));
  });
}
