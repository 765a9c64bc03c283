// The server side of one HTTP/1.1 connection: bytes in, one ServerStream after the other out, answers in the order of the requests.
// While a request is under way the bytes of the next one wait here, and the socket is paused: a client cannot make us buffer.
import type { Socket } from 'node:net';
import type { ServedConnection } from '#proxy/http/server-codec.ts';
import type { DownstreamConnection, HeaderList, RequestHandler, RequestHead, RequestRefusal, ResetReason } from '#proxy/http/stream.ts';
import { ChunkedDecoder, type ChunkReceiver } from '#proxy/http1/chunked-decoder.ts';
import type { FieldNames } from '#proxy/http1/field-names.ts';
import { RequestHeadReader } from '#proxy/http1/request-head-reader.ts';
import { parseRequest, type RequestRules } from '#proxy/http1/request-parser.ts';
import { Http1ServerStream, type StreamHost } from '#proxy/http1/server-stream.ts';
import { SocketWriter } from '#proxy/http1/socket-writer.ts';
import type { WriteBatch } from '#proxy/http1/write-batch.ts';
import { Timer, type TimerOwner, type TimerWheel } from '#proxy/timer-wheel.ts';

export type Http1ServerOptions = {
  readonly rules: RequestRules;
  readonly names: FieldNames;
  readonly batch: WriteBatch;
  readonly wheel: TimerWheel;
  /** From a head's first byte to its last; 0: no limit. */
  readonly requestHeadersTimeoutMs: number;
  /** Without a request under way; 0: no limit. */
  readonly idleTimeoutMs: number;
  /** How long a peer may keep the connection open after our FIN. */
  readonly delayedCloseTimeoutMs: number;
  /** 0: no limit. */
  readonly maxRequestsPerConnection: number;
  /** After this the connection drains: its next response is the last. 0: no limit. */
  readonly maxConnectionDurationMs: number;
};

/** `wait`: the request is complete, its response is not. `upgrade`: the same, and what comes belongs to the tunnel that may follow. */
type Phase = 'head' | 'body' | 'chunked' | 'wait' | 'upgrade' | 'tunnel' | 'closing';

const headTooLong: RequestRefusal = { status: 431, flag: 'DPE', details: 'http1.headers_too_large' };
const headTooSlow: RequestRefusal = { status: 408, flag: '', details: 'request_header_timeout' };
const badBytes: RequestRefusal = { status: 400, flag: 'DPE', details: 'http1.codec_error' };

export class ServerConnection implements ServedConnection, StreamHost, ChunkReceiver, TimerOwner {
  readonly #socket: Socket;
  readonly #connection: DownstreamConnection;
  readonly #handler: RequestHandler;
  readonly #options: Http1ServerOptions;
  readonly #writer: SocketWriter;
  readonly #timer: Timer;
  readonly #head: RequestHeadReader;
  #ageTimer: Timer | undefined = undefined;
  #phase: Phase = 'head';
  #stream: Http1ServerStream | undefined = undefined;
  #decoder: ChunkedDecoder | undefined = undefined;
  #bodyLeft = 0;
  /** Bytes that came while they could not be handled. */
  #stash: Buffer | undefined = undefined;
  #feeding = false;
  #inputPaused = false;
  #closeAfter = false;
  #requests = 0;

  constructor(socket: Socket, connection: DownstreamConnection, handler: RequestHandler, options: Http1ServerOptions) {
    this.#socket = socket;
    this.#connection = connection;
    this.#handler = handler;
    this.#options = options;
    this.#writer = new SocketWriter(socket, options.batch);
    this.#head = new RequestHeadReader(options.rules.maxHeadBytes);
    this.#timer = new Timer(options.wheel, this);
    this.#timer.arm(options.idleTimeoutMs);
    if (options.maxConnectionDurationMs > 0) {
      this.#ageTimer = new Timer(options.wheel, this);
      this.#ageTimer.arm(options.maxConnectionDurationMs);
    }
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('end', () => this.#onEnd());
    socket.on('error', (error: Error) => this.#onClose('remote-reset', error.message));
    socket.on('close', () => this.#onClose('connection-closed'));
    socket.on('drain', () => this.#stream?.receiver?.onWritable());
    // Whoever looked at the first bytes may have paused it.
    socket.resume();
    // A listener hands its sockets over paused, and a socket that was paused by hand does not flow by itself.
    socket.resume();
  }

  get activeRequests(): number {
    return this.#stream === undefined ? 0 : 1;
  }

  drain(): void {
    this.#closeAfter = true;
    if (this.#stream === undefined && !this.#head.isPartial) this.#close();
  }

  destroy(): void {
    this.#socket.destroy();
    this.#onClose('connection-closed');
  }

  #onData(chunk: Buffer): void {
    const { batch } = this.#options;
    batch.enter();
    try {
      this.#feed(chunk);
    } finally {
      batch.leave();
    }
  }

  #feed(chunk: Buffer): void {
    this.#feeding = true;
    let at = 0;
    while (at < chunk.length) {
      if (this.#phase === 'head') at = this.#readHead(chunk, at);
      else if (this.#phase === 'body') at = this.#readBody(chunk, at);
      else if (this.#phase === 'chunked') at = this.#readChunked(chunk, at);
      else if (this.#phase === 'tunnel') {
        this.#deliver(at === 0 ? chunk : chunk.subarray(at));
        break;
      } else {
        if (this.#phase !== 'closing') this.#keep(chunk, at);
        break;
      }
    }
    this.#feeding = false;
    // Answered before its body came: whoever sends that much more may not keep the connection.
    if (this.#stream?.responseEnded === true && !this.#stream.requestEnded) this.#close();
  }

  #keep(chunk: Buffer, start: number): void {
    const rest = chunk.subarray(start);
    this.#stash = this.#stash === undefined ? rest : Buffer.concat([this.#stash, rest]);
    this.#socket.pause();
  }

  #readHead(chunk: Buffer, start: number): number {
    const head = this.#head;
    const end = head.take(chunk, start);
    const { outcome } = head;
    if (outcome === 'whole') this.#onHead(head.text);
    else if (outcome === 'begun') this.#timer.arm(this.#options.requestHeadersTimeoutMs);
    else if (outcome !== 'nothing') this.#refuse(outcome === 'bad' ? badBytes : headTooLong);
    return end;
  }

  #onHead(text: string): void {
    const { rules, names } = this.#options;
    this.#timer.disarm();
    const parsed = parseRequest(text, text.length, names, rules);
    if (parsed.refusal !== undefined) this.#refuse(parsed.refusal, parsed.head);
    else this.#start(parsed.head, parsed.bodyLength, parsed.keepAlive, parsed.opensTunnel);
  }

  #start(head: RequestHead, bodyLength: number, keepAlive: boolean, opensTunnel: boolean): void {
    this.#requests++;
    const hasBody = bodyLength !== 0 || opensTunnel;
    const stream = new Http1ServerStream(this, this.#writer, this.#connection, head, hasBody, keepAlive);
    this.#stream = stream;
    this.#bodyLeft = bodyLength;
    if (opensTunnel) this.#phase = 'upgrade';
    else if (bodyLength === -1) {
      this.#decoder = new ChunkedDecoder(this.#options.names, this.#options.rules.maxHeadBytes);
      this.#phase = 'chunked';
    } else this.#phase = bodyLength === 0 ? 'wait' : 'body';
    this.#handler.onRequest(stream);
    if (!hasBody) this.#endRequest(stream, undefined);
  }

  #refuse(refusal: RequestRefusal, head?: RequestHead): void {
    this.#timer.disarm();
    const request: RequestHead = head ?? { method: '', scheme: 'http', authority: '', path: '', headers: [], version: 'HTTP/1.1' };
    const stream = new Http1ServerStream(this, this.#writer, this.#connection, request, false, false);
    stream.requestEnded = true;
    this.#stream = stream;
    this.#closeAfter = true;
    this.#phase = 'closing';
    this.#handler.onRefused(stream, refusal);
  }

  #readBody(chunk: Buffer, start: number): number {
    const stream = this.#stream;
    const end = Math.min(start + this.#bodyLeft, chunk.length);
    this.#bodyLeft -= end - start;
    this.#deliver(start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end));
    if (this.#bodyLeft === 0 && stream !== undefined && this.#stream === stream) this.#endRequest(stream, undefined);
    return end;
  }

  #readChunked(chunk: Buffer, start: number): number {
    const stream = this.#stream;
    const decoder = this.#decoder;
    if (stream === undefined || decoder === undefined) return chunk.length;
    const end = decoder.decode(chunk, start, this);
    if (decoder.broken) {
      this.#closeAfter = true;
      this.#phase = 'closing';
      if (!stream.responseEnded) stream.receiver?.onReset('protocol-error', 'http1.codec_error');
      return chunk.length;
    }
    if (decoder.done) this.#endRequest(stream, decoder.trailers);
    return end;
  }

  onChunkData(data: Buffer): void {
    this.#deliver(data);
  }

  #deliver(data: Buffer): void {
    const stream = this.#stream;
    if (stream === undefined || stream.responseEnded) return;
    stream.bytesReceived += data.length;
    stream.receiver?.onData(data);
  }

  #endRequest(stream: Http1ServerStream, trailers: HeaderList | undefined): void {
    stream.requestEnded = true;
    // A body that was held back at its end: nobody will ask for more of it, but the next request and the peer's end must be seen.
    if (this.#inputPaused) this.resumeInput();
    if (stream.responseEnded) {
      if (this.#phase !== 'closing') this.#finish();
      return;
    }
    this.#phase = 'wait';
    stream.receiver?.onEnd(trailers);
  }

  decideClose(stream: Http1ServerStream, status: number): boolean {
    const { maxRequestsPerConnection: limit } = this.#options;
    // An error before the request has come: the rest of it will not be waited for, as with Envoy.
    if (!stream.requestEnded && stream.hasBody && status >= 400) this.#closeAfter = true;
    if (!stream.keepAlive || this.#connection.draining || (limit > 0 && this.#requests >= limit)) this.#closeAfter = true;
    return this.#closeAfter;
  }

  closeAfterResponse(): void {
    this.#closeAfter = true;
  }

  onResponseEnd(stream: Http1ServerStream): void {
    if (stream !== this.#stream) return;
    if (stream.requestEnded || this.#phase === 'tunnel') this.#finish();
    else if (!this.#feeding) this.#close();
  }

  /** Both halves are done: the next request, or the end. */
  #finish(): void {
    const tunnelOpen = this.#phase === 'tunnel' && this.#stream?.requestEnded !== true;
    if (tunnelOpen) {
      this.#writer.end();
      return;
    }
    this.#stream = undefined;
    this.#decoder = undefined;
    if (this.#closeAfter || this.#phase === 'tunnel' || this.#phase === 'closing') {
      this.#close();
      return;
    }
    this.#phase = 'head';
    this.#timer.arm(this.#options.idleTimeoutMs);
    if (this.#stash !== undefined && !this.#feeding) this.#feedStash();
  }

  /** Requests that were sent ahead. Each may be answered at once, so this loops rather than recurs. */
  #feedStash(): void {
    while (this.#stash !== undefined && (this.#phase === 'head' || this.#phase === 'tunnel')) {
      const input = this.#stash;
      this.#stash = undefined;
      this.#onData(input);
    }
    if (this.#stash === undefined && !this.#inputPaused) this.#socket.resume();
  }

  pauseInput(): void {
    this.#inputPaused = true;
    this.#socket.pause();
  }

  resumeInput(): void {
    this.#inputPaused = false;
    if (this.#stash === undefined) this.#socket.resume();
  }

  startTunnel(): void {
    this.#phase = 'tunnel';
    if (!this.#feeding) this.#feedStash();
  }

  /** The stream gave up: what was written goes out, then the connection ends without a proper end of the message. */
  abandon(): void {
    this.#closeAfter = true;
    this.#close();
  }

  /** FIN after the last byte; the peer may still send for a while (RFC 9112 §9.6), it is not read. */
  #close(): void {
    this.#phase = 'closing';
    this.#stream = undefined;
    this.#stash = undefined;
    this.#writer.end();
    this.#socket.resume();
    this.#timer.arm(this.#options.delayedCloseTimeoutMs);
  }

  #onEnd(): void {
    const stream = this.#stream;
    if (this.#phase === 'tunnel' && stream !== undefined) {
      stream.requestEnded = true;
      stream.receiver?.onEnd(undefined);
      if (stream.responseEnded) this.#close();
      return;
    }
    if (stream === undefined || this.#phase === 'closing') {
      // The answer may still be on its way out: end() flushes first.
      this.#writer.end();
      return;
    }
    // As Envoy: a client that closes its half before the answer has gone away.
    this.#socket.destroy();
    this.#onClose('connection-closed');
  }

  #onClose(reason: ResetReason, detail?: string): void {
    this.#timer.release();
    this.#ageTimer?.release();
    const stream = this.#stream;
    this.#stream = undefined;
    this.#phase = 'closing';
    this.#stash = undefined;
    if (stream === undefined || (stream.responseEnded && stream.requestEnded)) return;
    stream.responseEnded = true;
    stream.receiver?.onReset(reason, detail);
  }

  onTimer(timer: Timer): void {
    if (timer === this.#ageTimer) {
      this.drain();
      return;
    }
    if (this.#phase === 'head' && this.#head.isPartial) {
      this.#refuse(headTooSlow);
      return;
    }
    if (this.#phase === 'closing') {
      this.#socket.destroy();
      return;
    }
    if (this.#stream === undefined) this.#close();
  }
}
