// The client side of one HTTP/1.1 connection: one exchange at a time, its request out and its response in. Between exchanges it is idle; any
// byte or end that comes then makes it unusable, so that nobody gets an answer that was meant for somebody else.
import type { Socket } from 'node:net';
import { formatAddress, plainAddress } from '#proxy/downstream-connection.ts';
import type { HeaderList, RequestHead, ResetReason, ResponseHead } from '#proxy/http/stream.ts';
import { ChunkedDecoder, type ChunkReceiver } from '#proxy/http1/chunked-decoder.ts';
import type { FieldNames } from '#proxy/http1/field-names.ts';
import { HeadBuffer } from '#proxy/http1/head-buffer.ts';
import { type BodyFraming, requestFraming, requestText, writeRequestData, writeRequestEnd } from '#proxy/http1/request-writer.ts';
import { type ParsedResponse, parseResponse, untilChunkEnd, untilClose } from '#proxy/http1/response-parser.ts';
import { SocketWriter } from '#proxy/http1/socket-writer.ts';
import type { WriteBatch } from '#proxy/http1/write-batch.ts';
import { Timer, type TimerOwner, type TimerWheel } from '#proxy/timer-wheel.ts';
import { type UpstreamNames, upstreamNamesOf } from '#proxy/upstream/upstream-names.ts';

export type Http1ClientOptions = {
  readonly names: FieldNames;
  readonly batch: WriteBatch;
  readonly wheel: TimerWheel;
  /** Of a response's head and of its trailers. */
  readonly maxHeadBytes: number;
  readonly maxFields: number;
  /** What sockets read into, all of them in turn. */
  readonly readBuffer: Buffer;
};

/** Who sent the request on this connection. `onLost`: it ended before its response did. */
export type Exchange = {
  readonly request: RequestHead;
  readonly onInformational: (head: ResponseHead) => void;
  readonly onHead: (head: ResponseHead, hasBody: boolean) => void;
  readonly onData: (chunk: Buffer) => void;
  /** Its response is complete; the connection may be given to another exchange before `onEnd`. */
  readonly onComplete: () => void;
  readonly onEnd: (trailers: HeaderList | undefined) => void;
  readonly onWritable: () => void;
  readonly onLost: (reason: ResetReason, detail: string) => void;
};

/** Who keeps the connection. */
export type ConnectionOwner = {
  /** The exchange is over and another may follow. Called before the exchange's own `onEnd`. */
  readonly onIdle: (connection: ClientConnection) => void;
  readonly onGone: (connection: ClientConnection) => void;
};

type Phase = 'idle' | 'head' | 'body' | 'chunked' | 'untilClose' | 'tunnel' | 'gone';

export class ClientConnection implements ChunkReceiver, TimerOwner {
  readonly upstreamAddress: string;
  readonly localAddress: string;
  readonly names: UpstreamNames;
  /** Exchanges so far, the one under way included. */
  exchanges = 0;
  /** A byte of the present exchange's response has come. */
  answering = false;
  readonly #socket: Socket;
  readonly #options: Http1ClientOptions;
  readonly #owner: ConnectionOwner;
  readonly #writer: SocketWriter;
  readonly #idleTimer: Timer;
  readonly #head: HeadBuffer;
  #lifeTimer: Timer | undefined = undefined;
  #expired = false;
  #phase: Phase = 'idle';
  #exchange: Exchange | undefined = undefined;
  #framing: BodyFraming = 'none';
  #requestEnded = true;
  #inputEnded = false;
  #keepAlive = true;
  /** Bytes stand behind the response in the same piece of input: nobody asked for them. */
  #surplus = false;
  #left = 0;
  #decoder: ChunkedDecoder | undefined = undefined;

  constructor(socket: Socket, upstreamAddress: string, owner: ConnectionOwner, options: Http1ClientOptions) {
    this.#socket = socket;
    this.upstreamAddress = upstreamAddress;
    this.localAddress = formatAddress(plainAddress(socket.localAddress), socket.localPort ?? 0);
    this.names = upstreamNamesOf(socket);
    this.#owner = owner;
    this.#options = options;
    this.#writer = new SocketWriter(socket, options.batch);
    this.#head = new HeadBuffer(options.maxHeadBytes);
    this.#idleTimer = new Timer(options.wheel, this);
    socket.on('data', (chunk: Buffer) => this.read(chunk));
    // A socket that reads into a shared buffer emits no data, but has to be started all the same.
    socket.resume();
    socket.on('end', () => this.#onSocketEnd());
    socket.on('error', (error: NodeJS.ErrnoException) => this.#lose('connection-closed', error.code ?? error.message));
    socket.on('close', () => this.#lose('connection-closed', ''));
    socket.on('drain', () => this.#exchange?.onWritable());
  }

  get usable(): boolean {
    return this.#phase === 'idle' && !this.#socket.destroyed && this.#socket.writable;
  }

  /** Starts an exchange on an idle connection: the head goes out, its body follows by `sendData`. */
  start(exchange: Exchange, hasBody: boolean): void {
    this.#idleTimer.disarm();
    this.exchanges++;
    this.answering = false;
    this.#exchange = exchange;
    this.#phase = 'head';
    this.#keepAlive = true;
    this.#requestEnded = !hasBody;
    this.#framing = requestFraming(exchange.request, hasBody);
    this.#writer.writeText(requestText(exchange.request, this.#framing));
  }

  sendData(chunk: Uint8Array): boolean {
    return writeRequestData(this.#writer, this.#framing, chunk);
  }

  sendEnd(trailers: HeaderList | undefined): void {
    this.#requestEnded = true;
    if (this.#inputEnded) this.#exchange = undefined;
    writeRequestEnd(this.#writer, this.#framing, trailers);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Arms the idle timeout; the owner calls it as it takes the connection back. */
  rest(idleTimeoutMs: number): void {
    this.#idleTimer.arm(idleTimeoutMs);
  }

  /** After this it takes no further exchange: it ends at once where it is idle, else with the exchange under way. */
  expireAfter(lifeMs: number): void {
    this.#lifeTimer = new Timer(this.#options.wheel, this);
    this.#lifeTimer.arm(lifeMs);
  }

  get isExpired(): boolean {
    return this.#expired;
  }

  /** Ends it without a word to the exchange. */
  destroy(): void {
    this.#exchange = undefined;
    this.#lose('local-reset', '');
  }

  /** Ends it; an exchange under way is told. */
  close(): void {
    this.#lose('local-reset', '');
  }

  /** Bytes of the socket. They are not kept beyond the call: bodies are handed on as copies, because the buffer is used again. */
  read(chunk: Buffer): void {
    const { batch } = this.#options;
    batch.enter();
    try {
      this.#feed(chunk);
    } finally {
      batch.leave();
    }
  }

  #feed(chunk: Buffer): void {
    this.answering = true;
    let at = 0;
    while (at < chunk.length) {
      switch (this.#phase) {
        case 'head':
          at = this.#readHead(chunk, at);
          break;
        case 'body': {
          const end = Math.min(at + this.#left, chunk.length);
          this.#left -= end - at;
          this.#exchange?.onData(Buffer.from(chunk.subarray(at, end)));
          at = end;
          this.#surplus = end < chunk.length;
          if (this.#left === 0) this.#finish(undefined);
          break;
        }
        case 'chunked':
          at = this.#readChunked(chunk, at);
          break;
        case 'untilClose':
        case 'tunnel':
          this.#exchange?.onData(Buffer.from(chunk.subarray(at)));
          return;
        default:
          // Nobody asked for these bytes.
          this.#lose('protocol-error', 'http1.codec_error');
          return;
      }
    }
  }

  #readHead(chunk: Buffer, start: number): number {
    const exchange = this.#exchange;
    const end = this.#head.take(chunk, start);
    if (end === -1) return chunk.length;
    if (end === -2 || exchange === undefined) return this.#fail('http1.headers_too_large', chunk);
    const parsed = parseResponse(this.#head.text, this.#options.names, this.#options.maxFields, exchange.request.method);
    if (typeof parsed === 'string') return this.#fail(parsed, chunk);
    const { status } = parsed.head;
    if (status === 101 || (exchange.request.method === 'CONNECT' && status >= 200 && status < 300))
      return this.#startTunnel(exchange, parsed, end, chunk);
    if (status < 200) exchange.onInformational(parsed.head);
    else this.#startBody(exchange, parsed, end < chunk.length);
    return end;
  }

  #startTunnel(exchange: Exchange, parsed: ParsedResponse, end: number, chunk: Buffer): number {
    if (this.#framing !== 'tunnel') return this.#fail('http1.codec_error', chunk);
    this.#phase = 'tunnel';
    exchange.onHead(parsed.head, true);
    return end;
  }

  #startBody(exchange: Exchange, parsed: ParsedResponse, surplus: boolean): void {
    const { bodyLength } = parsed;
    this.#keepAlive = parsed.keepAlive;
    this.#surplus = surplus;
    this.#left = bodyLength;
    if (bodyLength === untilChunkEnd) {
      this.#phase = 'chunked';
      this.#decoder = new ChunkedDecoder(this.#options.names, this.#options.maxHeadBytes);
    } else this.#phase = bodyLength === untilClose ? 'untilClose' : 'body';
    exchange.onHead(parsed.head, bodyLength !== 0);
    if (bodyLength === 0 && this.#exchange === exchange) this.#finish(undefined);
  }

  #readChunked(chunk: Buffer, start: number): number {
    const decoder = this.#decoder;
    if (decoder === undefined) return chunk.length;
    const end = decoder.decode(chunk, start, this);
    if (decoder.broken) return this.#fail('http1.codec_error', chunk);
    this.#surplus = end < chunk.length;
    if (decoder.done && this.#phase === 'chunked') this.#finish(decoder.trailers);
    return end;
  }

  onChunkData(data: Buffer): void {
    this.#exchange?.onData(Buffer.from(data));
  }

  /** A response that breaks the rules: the exchange is lost, the rest of the input is not looked at. */
  #fail(details: string, chunk: Buffer): number {
    this.#lose('protocol-error', details);
    return chunk.length;
  }

  #finish(trailers: HeaderList | undefined): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#decoder = undefined;
    exchange?.onComplete();
    // An answer that came before the whole request: the rest of the request has nowhere to go.
    if (this.#keepAlive && this.#requestEnded && !this.#surplus && this.#phase !== 'untilClose') {
      this.#phase = 'idle';
      this.#owner.onIdle(this);
    } else this.#lose('connection-closed', '');
    exchange?.onEnd(trailers);
  }

  #onSocketEnd(): void {
    if (this.#phase === 'untilClose') {
      this.#finish(undefined);
      return;
    }
    if (this.#phase !== 'tunnel') {
      // As Envoy: an end in the middle of a message is a message gone wrong, an end before it is a connection gone.
      const inMessage = this.#phase === 'body' || this.#phase === 'chunked' || (this.#phase === 'head' && this.#head.isPartial);
      this.#lose(inMessage ? 'protocol-error' : 'connection-closed', inMessage ? 'the response ends too early' : '');
      return;
    }
    this.#inputEnded = true;
    const exchange = this.#exchange;
    // Both halves ended: the socket closes by itself once everything is sent.
    if (this.#requestEnded) this.#exchange = undefined;
    exchange?.onEnd(undefined);
  }

  #lose(reason: ResetReason, detail: string): void {
    if (this.#phase === 'gone') return;
    const exchange = this.#exchange;
    this.#phase = 'gone';
    this.#exchange = undefined;
    this.#idleTimer.release();
    this.#lifeTimer?.release();
    this.#socket.destroy();
    this.#owner.onGone(this);
    exchange?.onLost(reason, detail);
  }

  onTimer(timer: Timer): void {
    if (timer === this.#lifeTimer) this.#expired = true;
    if (this.#phase === 'idle') this.#lose('local-reset', timer === this.#lifeTimer ? 'max connection duration' : 'idle timeout');
  }
}
