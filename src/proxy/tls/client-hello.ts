// The first bytes of a connection in, what a TLS ClientHello says out: server name and ALPN, without taking part in the handshake.
// Never throws and never reads beyond what is there: bytes from strangers.

export type ClientHello = { readonly serverName: string | undefined; readonly alpn: readonly string[] };

/** `more`: a ClientHello so far, but not all of it. `none`: this is no TLS. */
export type ClientHelloParse = { readonly kind: 'hello'; readonly hello: ClientHello } | { readonly kind: 'more' } | { readonly kind: 'none' };

// RFC 8446 section 5.1: a handshake record of at most 2^14 bytes; Envoy's inspector looks at 64 KB at most.
const maxHelloBytes = 64 * 1024;

/** RFC 8446 section 4.1.2. A ClientHello may be spread over several records. */
export function parseClientHello(bytes: Buffer): ClientHelloParse {
  const handshake: Buffer[] = [];
  let at = 0;
  let wanted = 4;
  let have = 0;
  for (;;) {
    if (at + 5 > bytes.length) return startsLikeTls(bytes, at) ? tooLong(bytes) : { kind: 'none' };
    if (!startsLikeTls(bytes, at)) return { kind: 'none' };
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > 16_384 + 256) return { kind: 'none' };
    const part = bytes.subarray(at + 5, at + 5 + length);
    handshake.push(part);
    have += part.length;
    const all = handshake.length === 1 ? part : Buffer.concat(handshake);
    if (all.length > 0 && all[0] !== 1) return { kind: 'none' };
    if (all.length >= 4) wanted = 4 + all.readUIntBE(1, 3);
    if (wanted > maxHelloBytes) return { kind: 'none' };
    if (have >= wanted) return readHello(new Reader(all.subarray(4, wanted)));
    if (part.length < length) return { kind: 'more' };
    at += 5 + length;
  }
}

function startsLikeTls(bytes: Buffer, at: number): boolean {
  if (bytes.length > at && bytes[at] !== 22) return false;
  return bytes.length <= at + 1 || bytes[at + 1] === 3;
}

function tooLong(bytes: Buffer): ClientHelloParse {
  return bytes.length > maxHelloBytes ? { kind: 'none' } : { kind: 'more' };
}

function readHello(reader: Reader): ClientHelloParse {
  reader.skip(2 + 32);
  reader.skip(reader.number(1));
  reader.skip(reader.number(2));
  reader.skip(reader.number(1));
  let serverName: string | undefined;
  let alpn: readonly string[] = [];
  const extensions = reader.part(reader.number(2));
  while (extensions.left > 0 && !extensions.broken) {
    const type = extensions.number(2);
    const body = extensions.part(extensions.number(2));
    if (type === 0) serverName = readServerName(body);
    else if (type === 16) alpn = readAlpn(body);
  }
  return reader.broken ? { kind: 'none' } : { kind: 'hello', hello: { serverName, alpn } };
}

// RFC 6066 section 3; names are compared in lower case.
function readServerName(body: Reader): string | undefined {
  const list = body.part(body.number(2));
  while (list.left > 0 && !list.broken) {
    const type = list.number(1);
    const name = list.part(list.number(2));
    if (type === 0) return name.text().toLowerCase();
  }
  return undefined;
}

// RFC 7301 section 3.1.
function readAlpn(body: Reader): readonly string[] {
  const list = body.part(body.number(2));
  const names: string[] = [];
  while (list.left > 0 && !list.broken) names.push(list.part(list.number(1)).text());
  return names;
}

/** Reads forward; a read beyond the end gives zeros and marks the reader (and those it came from) as broken. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;
  broken = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  number(size: 1 | 2): number {
    if (this.left < size) {
      this.broken = true;
      this.#at = this.#bytes.length;
      return 0;
    }
    const value = this.#bytes.readUIntBE(this.#at, size);
    this.#at += size;
    return value;
  }

  part(size: number): Reader {
    if (this.left < size) this.broken = true;
    const part = new Reader(this.#bytes.subarray(this.#at, this.#at + size));
    this.#at = Math.min(this.#bytes.length, this.#at + size);
    return part;
  }

  skip(size: number): void {
    this.part(size);
  }

  text(): string {
    return this.#bytes.toString('latin1', this.#at);
  }
}
