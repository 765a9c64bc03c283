// One HTTP/2 request from downstream on node's stream API, behind ServerStream. Trailers that came are held until the body was read.
import type { ServerHttp2Stream } from 'node:http2';
import type { BodyReceiver, DownstreamConnection, HeaderList, RequestHead, ResetReason, ResponseHead, ServerStream } from '#proxy/http/stream.ts';
import { appendFields, noPseudo, readFields, readTrailers, trailersObject } from '#proxy/http2/fields.ts';
import { codeForDownstream, endStreamFlag, errorCode, reasonOf } from '#proxy/http2/reset-codes.ts';

/** waitForTrailers also keeps node from ending a stream properly (END_STREAM) before it resets it. */
const responseOptions = { waitForTrailers: true, sendDate: false };
const emptyResponseOptions = { endStream: true, sendDate: false };

export class Http2ServerStream implements ServerStream {
  readonly request: RequestHead;
  readonly hasBody: boolean;
  readonly connection: DownstreamConnection;
  receiver: BodyReceiver | undefined = undefined;
  bytesReceived = 0;
  bytesSent = 0;
  readonly #stream: ServerHttp2Stream;
  readonly #isUpgrade: boolean;
  #requestTrailers: HeaderList | undefined;
  #responseTrailers: HeaderList | undefined;
  #requestEnded = false;
  #responseEnded = false;
  #settled = false;

  constructor(stream: ServerHttp2Stream, raw: readonly string[], flags: number, connection: DownstreamConnection) {
    this.#stream = stream;
    this.connection = connection;
    const pseudo = noPseudo();
    const headers = readFields(raw, pseudo);
    const scheme = pseudo.scheme === 'https' || (pseudo.scheme === '' && connection.tls) ? 'https' : 'http';
    this.#isUpgrade = pseudo.protocol !== '';
    // Inside the proxy an extended CONNECT is what it stands for: a GET that asks for an upgrade.
    if (this.#isUpgrade) headers.push('upgrade', pseudo.protocol);
    const method = this.#isUpgrade ? 'GET' : pseudo.method;
    this.request = { method, scheme, authority: pseudo.authority, path: pseudo.path, headers, version: 'HTTP/2' };
    this.hasBody = (flags & endStreamFlag) === 0;
  }

  /** Starts the flow of events to the receiver; called once the manager has set it. `onClosed` follows the end of the stream. */
  start(onClosed: () => void): void {
    const stream = this.#stream;
    stream.on('error', ignoreError);
    stream.on('close', () => {
      this.#onClose();
      onClosed();
    });
    stream.on('drain', () => this.receiver?.onWritable());
    stream.on('wantTrailers', () => this.#onWantTrailers());
    if (!this.hasBody) {
      this.#requestEnded = true;
      // The readable side must be read to its end, or the stream never closes.
      stream.resume();
      this.receiver?.onEnd(undefined);
      return;
    }
    stream.on('trailers', (_headers: unknown, _flags: number, raw: unknown) => {
      this.#requestTrailers = readTrailers(rawList(raw));
    });
    stream.on('data', (chunk: Buffer) => {
      this.bytesReceived += chunk.length;
      this.receiver?.onData(chunk);
    });
    stream.on('end', () => {
      if (this.#settled || stream.aborted) return;
      this.#requestEnded = true;
      this.receiver?.onEnd(this.#requestTrailers);
    });
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  sendInformational(head: ResponseHead): void {
    // 101 has no meaning in HTTP/2 (RFC 9113 section 8.6).
    if (this.#stream.destroyed || this.#stream.headersSent || head.status === 101) return;
    const fields = trailersObject(head.headers);
    this.#stream.additionalHeaders({ ...fields, ':status': head.status });
  }

  sendHead(head: ResponseHead, endStream: boolean): void {
    if (this.#stream.destroyed || this.#stream.headersSent) return;
    // RFC 8441 section 5: a tunnel is opened by 200.
    const status = head.status === 101 && this.#isUpgrade ? 200 : head.status;
    const fields = [':status', String(status)];
    appendFields(head.headers, fields);
    // Node closes the writable side by itself after the head of an answer without a body.
    const noBody = endStream || head.status === 204 || head.status === 205 || head.status === 304 || this.request.method === 'HEAD';
    this.#stream.respond(asRawHeaders(fields), noBody ? emptyResponseOptions : responseOptions);
    if (noBody) this.#finishResponse();
  }

  sendData(chunk: Uint8Array): boolean {
    if (this.#stream.destroyed || this.#responseEnded) return true;
    this.bytesSent += chunk.length;
    return this.#stream.write(chunk);
  }

  sendEnd(trailers?: HeaderList): void {
    if (this.#stream.destroyed || this.#responseEnded) return;
    this.#responseTrailers = trailers;
    this.#responseEnded = true;
    this.#stream.end();
  }

  reset(reason: ResetReason): void {
    if (this.#settled) return;
    this.#settled = true;
    if (!this.#stream.destroyed) this.#stream.close(codeForDownstream(reason));
  }

  /** DATA frames flow both ways as they are: nothing to change. */
  becomeTunnel(): void {}

  #onWantTrailers(): void {
    if (this.#stream.destroyed || this.#settled) return;
    // Without trailers this sends an empty DATA frame with END_STREAM.
    this.#stream.sendTrailers(this.#responseTrailers === undefined ? {} : trailersObject(this.#responseTrailers));
    this.#finishResponse();
  }

  // An answer that ends before its request: the rest is not wanted (RFC 9113 section 8.1).
  #finishResponse(): void {
    this.#responseEnded = true;
    if (this.#requestEnded) return;
    setImmediate(() => {
      if (!this.#requestEnded && !this.#stream.destroyed) {
        this.#settled = true;
        this.#stream.close(errorCode.none);
      }
    });
  }

  #onClose(): void {
    if (this.#settled) return;
    this.#settled = true;
    const code = this.#stream.rstCode ?? errorCode.none;
    if (this.#requestEnded && this.#responseEnded && code === errorCode.none) return;
    const sessionGone = this.#stream.session === undefined || this.#stream.session.destroyed;
    this.receiver?.onReset(sessionGone ? 'connection-closed' : reasonOf(code));
  }
}

/** Node hands raw headers on as a list of strings, in an argument that its types do not know. */
export function rawList(raw: unknown): readonly string[] {
  return Array.isArray(raw) ? (raw as readonly string[]) : [];
}

/** Node takes a flat list wherever it takes a header object; its types say so only for requests. */
function asRawHeaders(fields: string[]): Record<string, never> {
  // The cast tells the types what the implementation does (Http2Stream.respond with an array since 24.7).
  return fields as unknown as Record<string, never>;
}

function ignoreError(): void {
  // 'close' follows with the code.
}
