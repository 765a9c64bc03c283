// gRPC-Web of browsers turned into gRPC and back, around a stream: the content type changes, base64 is taken off and put on, and the response's
// trailers go into its body (github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md). Both sides of it see an ordinary stream.

import { fieldValue, removeFields, setField } from '#proxy/http/header-list.ts';
import { percentEncode } from '#proxy/http/local-reply.ts';
import type { BodyReceiver, DownstreamConnection, HeaderList, RequestHead, ResetReason, ResponseHead, ServerStream } from '#proxy/http/stream.ts';
import { grpcStatusOf } from '#proxy/respond.ts';

const trailerFlag = 0x80;

/** How much of a text goes into a message. */
const plainBytes = 16_384;

export class GrpcWebStream implements ServerStream, BodyReceiver {
  receiver: BodyReceiver | undefined;
  readonly #stream: ServerStream;
  readonly #textRequest: boolean;
  readonly #textResponse: boolean;
  /** Base64 that is not yet a whole group of four. */
  #rest = '';
  #isGrpcResponse = false;
  /** The head of a response that is no gRPC, until its text is there to go into the message. */
  #plainHead: ResponseHead | undefined = undefined;
  #plainText = '';

  /** Takes the stream's events over and hands them on to `receiver`. */
  constructor(stream: ServerStream, receiver: BodyReceiver) {
    this.#stream = stream;
    this.receiver = receiver;
    stream.receiver = this;
    const { headers } = stream.request;
    this.#textRequest = isText(fieldValue(headers, 'content-type'));
    this.#textResponse = isText(fieldValue(headers, 'accept'));
    removeFields(headers, 'content-length');
    setField(headers, 'content-type', 'application/grpc');
    setField(headers, 'te', 'trailers');
    setField(headers, 'grpc-accept-encoding', 'identity');
  }

  get request(): RequestHead {
    return this.#stream.request;
  }

  get hasBody(): boolean {
    return this.#stream.hasBody;
  }

  get connection(): DownstreamConnection {
    return this.#stream.connection;
  }

  get bytesReceived(): number {
    return this.#stream.bytesReceived;
  }

  get bytesSent(): number {
    return this.#stream.bytesSent;
  }

  onData(chunk: Buffer): void {
    const plain = this.#textRequest ? this.#decode(chunk) : chunk;
    if (plain.length > 0) this.receiver?.onData(plain);
  }

  /** Padding may stand within the text, where one message ends and the next begins. */
  #decode(chunk: Buffer): Buffer {
    const text = this.#rest + chunk.toString('latin1');
    const whole = text.length - (text.length % 4);
    this.#rest = text.slice(whole);
    const parts: Buffer[] = [];
    for (const part of text.slice(0, whole).match(/[^=]+=*/g) ?? []) parts.push(Buffer.from(part, 'base64'));
    return Buffer.concat(parts);
  }

  onEnd(trailers: HeaderList | undefined): void {
    this.receiver?.onEnd(trailers);
  }

  onReset(reason: ResetReason, detail?: string): void {
    this.receiver?.onReset(reason, detail);
  }

  onWritable(): void {
    this.receiver?.onWritable();
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  sendInformational(head: ResponseHead): void {
    this.#stream.sendInformational(head);
  }

  sendHead(head: ResponseHead, endStream: boolean): void {
    const type = fieldValue(head.headers, 'content-type') ?? '';
    this.#isGrpcResponse = head.status === 200 && type.startsWith('application/grpc');
    setField(head.headers, 'content-type', this.#textResponse ? 'application/grpc-web-text+proto' : 'application/grpc-web+proto');
    if (this.#isGrpcResponse) {
      removeFields(head.headers, 'content-length');
      this.#stream.sendHead(head, endStream);
      return;
    }
    this.#plainHead = head;
    if (endStream) this.#sendPlain(head);
  }

  /** Envoy: an answer that is no gRPC becomes a gRPC status, with its text for a message. */
  #sendPlain(head: ResponseHead): void {
    this.#plainHead = undefined;
    removeFields(head.headers, 'content-length');
    if (fieldValue(head.headers, 'grpc-status') === undefined) head.headers.push('grpc-status', String(grpcStatusOf(head.status)));
    if (this.#plainText !== '') setField(head.headers, 'grpc-message', percentEncode(this.#plainText));
    this.#stream.sendHead(head, true);
  }

  sendData(chunk: Uint8Array): boolean {
    if (this.#plainHead !== undefined) {
      if (this.#plainText.length < plainBytes)
        this.#plainText += Buffer.from(chunk)
          .toString('utf8')
          .slice(0, plainBytes - this.#plainText.length);
      return true;
    }
    return this.#stream.sendData(this.#isGrpcResponse && this.#textResponse ? encode(chunk) : chunk);
  }

  sendEnd(trailers?: HeaderList): void {
    if (this.#plainHead !== undefined) {
      this.#sendPlain(this.#plainHead);
      return;
    }
    if (!this.#isGrpcResponse || trailers === undefined) {
      this.#stream.sendEnd(trailers);
      return;
    }
    const frame = trailerFrame(trailers);
    this.#stream.sendData(this.#textResponse ? encode(frame) : frame);
    this.#stream.sendEnd();
  }

  reset(reason: ResetReason): void {
    this.#stream.reset(reason);
  }

  becomeTunnel(): void {
    this.#stream.becomeTunnel();
  }
}

function isText(type: string | undefined): boolean {
  return type !== undefined && type.startsWith('application/grpc-web-text');
}

function encode(bytes: Uint8Array): Buffer {
  return Buffer.from(Buffer.from(bytes).toString('base64'), 'latin1');
}

/** A frame like that of a message, with the highest bit of its flags set: `name:value` lines. */
function trailerFrame(trailers: HeaderList): Buffer {
  let text = '';
  for (let at = 0; at < trailers.length; at += 2) text += `${trailers[at]}:${trailers[at + 1]}\r\n`;
  const body = Buffer.from(text, 'latin1');
  const head = Buffer.alloc(5);
  head.writeUInt8(trailerFlag, 0);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}
