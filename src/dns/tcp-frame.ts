// Messages on a stream of bytes: each behind its length in two bytes. Source: RFC 1035, 4.2.2.

export function tcpFrame(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(message.length + 2);
  frame.writeUInt16BE(message.length, 0);
  frame.set(message, 2);
  return frame;
}

export class TcpFrames {
  #rest: Buffer = Buffer.alloc(0);

  /** The messages that are whole with this chunk, as bytes of their own. */
  read(chunk: Buffer): readonly Buffer[] {
    let rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const messages: Buffer[] = [];
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      const end = 2 + rest.readUInt16BE(0);
      messages.push(Buffer.from(rest.subarray(2, end)));
      rest = rest.subarray(end);
    }
    this.#rest = Buffer.from(rest);
    return messages;
  }
}
