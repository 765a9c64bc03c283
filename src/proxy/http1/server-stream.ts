// One request on an HTTP/1.1 connection and its answer: decides how the response is framed and writes it.

import { fieldValue } from '#proxy/http/header-list.ts';
import type { BodyReceiver, DownstreamConnection, HeaderList, RequestHead, ResetReason, ResponseHead, ServerStream } from '#proxy/http/stream.ts';
import { fieldLines, lastChunk, statusLine } from '#proxy/http1/head-text.ts';
import type { SocketWriter } from '#proxy/http1/socket-writer.ts';

const framing = { none: 0, length: 1, chunked: 2, untilClose: 3, tunnel: 4 } as const;
type Framing = (typeof framing)[keyof typeof framing];

/** What a stream asks of the connection it is on. */
export type StreamHost = {
  readonly pauseInput: () => void;
  readonly resumeInput: () => void;
  /** Called as the response's head is written: whether this response is the connection's last. */
  readonly decideClose: (stream: Http1ServerStream, status: number) => boolean;
  readonly closeAfterResponse: () => void;
  readonly onResponseEnd: (stream: Http1ServerStream) => void;
  readonly abandon: () => void;
  readonly startTunnel: () => void;
};

export class Http1ServerStream implements ServerStream {
  readonly request: RequestHead;
  readonly hasBody: boolean;
  readonly connection: DownstreamConnection;
  receiver: BodyReceiver | undefined = undefined;
  bytesReceived = 0;
  bytesSent = 0;
  /** The request's last byte was delivered; the response's last byte was written. */
  requestEnded = false;
  responseEnded = false;
  headSent = false;
  /** The peer allows another request after this one. */
  readonly keepAlive: boolean;
  readonly #codec: StreamHost;
  readonly #writer: SocketWriter;
  #framing: Framing = framing.none;
  #left = 0;

  constructor(codec: StreamHost, writer: SocketWriter, connection: DownstreamConnection, request: RequestHead, hasBody: boolean, keepAlive: boolean) {
    this.#codec = codec;
    this.#writer = writer;
    this.connection = connection;
    this.request = request;
    this.hasBody = hasBody;
    this.keepAlive = keepAlive;
  }

  pause(): void {
    if (!this.requestEnded) this.#codec.pauseInput();
  }

  resume(): void {
    if (!this.requestEnded) this.#codec.resumeInput();
  }

  sendInformational(head: ResponseHead): void {
    // An HTTP/1.0 client knows no interim responses (RFC 9110 §15.2).
    if (this.headSent || this.request.version === 'HTTP/1.0') return;
    this.#writer.writeText(`${statusLine(head.status)}${fieldLines(head.headers)}\r\n`);
  }

  sendHead(head: ResponseHead, endStream: boolean): void {
    if (this.headSent) return;
    this.headSent = true;
    const close = this.#codec.decideClose(this, head.status);
    let text = statusLine(head.status) + fieldLines(head.headers);
    text += this.#frame(head, endStream);
    if (this.#framing === framing.tunnel) text += head.status === 101 ? 'connection: upgrade\r\n' : '';
    else if (close || this.#framing === framing.untilClose) text += 'connection: close\r\n';
    else if (this.request.version === 'HTTP/1.0') text += 'connection: keep-alive\r\n';
    this.#writer.writeText(`${text}\r\n`);
    if (endStream) this.#finish();
  }

  /** RFC 9112 §6.1–6.3 from the sender's side. Gives the field that frames the body, where the head does not hold it yet. */
  #frame(head: ResponseHead, endStream: boolean): string {
    const { status } = head;
    const length = fieldValue(head.headers, 'content-length');
    if (status === 101 || (this.request.method === 'CONNECT' && status < 300)) {
      this.#framing = framing.tunnel;
      return '';
    }
    if (status === 204 || status === 304 || this.request.method === 'HEAD') return '';
    if (length !== undefined) {
      this.#framing = framing.length;
      this.#left = Number(length);
      return '';
    }
    if (endStream) return 'content-length: 0\r\n';
    if (this.request.version === 'HTTP/1.0') {
      this.#framing = framing.untilClose;
      this.#codec.closeAfterResponse();
      return '';
    }
    this.#framing = framing.chunked;
    return 'transfer-encoding: chunked\r\n';
  }

  sendData(chunk: Uint8Array): boolean {
    if (this.responseEnded || chunk.length === 0) return true;
    switch (this.#framing) {
      case framing.none:
        return true;
      case framing.length:
        this.#left -= chunk.length;
        if (this.#left < 0) {
          this.reset('protocol-error');
          return true;
        }
        break;
      case framing.chunked: {
        this.bytesSent += chunk.length;
        this.#writer.writeText(`${chunk.length.toString(16)}\r\n`);
        const writable = this.#writer.writeData(chunk);
        this.#writer.writeText('\r\n');
        return writable;
      }
      default:
        break;
    }
    this.bytesSent += chunk.length;
    return this.#writer.writeData(chunk);
  }

  sendEnd(trailers?: HeaderList): void {
    if (this.responseEnded) return;
    if (this.#framing === framing.length && this.#left > 0) {
      this.reset('protocol-error');
      return;
    }
    if (this.#framing === framing.chunked) this.#writer.writeText(lastChunk(trailers));
    this.#finish();
  }

  #finish(): void {
    this.responseEnded = true;
    this.#codec.onResponseEnd(this);
  }

  reset(_reason: ResetReason): void {
    this.responseEnded = true;
    this.#codec.abandon();
  }

  becomeTunnel(): void {
    this.#framing = framing.tunnel;
    this.#codec.startTunnel();
  }
}
