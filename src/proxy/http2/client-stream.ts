// One request to an HTTP/2 endpoint, behind ClientStream. It exists before its session does: what is sent until then waits here.
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { fieldValue } from '#proxy/http/header-list.ts';
import type { ClientStream, HeaderList, RequestHead, ResetReason, ResponseHead, ResponseReceiver } from '#proxy/http/stream.ts';
import { appendFields, noPseudo, readFields, readTrailers, trailersObject } from '#proxy/http2/fields.ts';
import { codeForUpstream, endStreamFlag, errorCode, reasonOf } from '#proxy/http2/reset-codes.ts';
import { rawList } from '#proxy/http2/server-stream.ts';
import type { UpstreamNames } from '#proxy/upstream/upstream-names.ts';

export class Http2ClientStream implements ClientStream {
  readonly #head: RequestHead;
  readonly #hasBody: boolean;
  readonly #receiver: ResponseReceiver;
  readonly #onDone: (started: boolean) => void;
  #started = false;
  #stream: ClientHttp2Stream | undefined;
  #upgrade: string | undefined;
  #waiting: Uint8Array[] | undefined;
  #ended = false;
  #paused = false;
  #trailers: HeaderList | undefined;
  #responseTrailers: HeaderList | undefined;
  #complete = false;
  #done = false;

  /** `onDone` is called once, when the stream has ended in whatever way; `started`: it had a session. */
  constructor(head: RequestHead, hasBody: boolean, receiver: ResponseReceiver, onDone: (started: boolean) => void) {
    this.#head = head;
    this.#hasBody = hasBody;
    this.#receiver = receiver;
    this.#onDone = onDone;
  }

  get done(): boolean {
    return this.#done;
  }

  /** Sends the head on a session that is ready, then what was waiting. `onClosed` follows the end of the stream on the session. */
  start(session: ClientHttp2Session, upstreamAddress: string, localAddress: string, names: UpstreamNames, onClosed: () => void): void {
    this.#started = true;
    const fields = this.#fields();
    let stream: ClientHttp2Stream;
    try {
      stream = session.request(fields, this.#hasBody ? { waitForTrailers: true, endStream: false } : { endStream: true });
    } catch (error) {
      // A session that closed in this very turn, or fields that HTTP/2 does not allow.
      onClosed();
      // Later, so that the caller of open() has its stream by then.
      const reason = session.closed || session.destroyed ? 'connection-closed' : 'protocol-error';
      queueMicrotask(() => this.fail(reason, error instanceof Error ? error.message : String(error)));
      return;
    }
    this.#stream = stream;
    this.#listen(stream, onClosed);
    this.#receiver.onConnected(upstreamAddress, localAddress, names);
    if (this.#paused) stream.pause();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) for (const chunk of waiting) stream.write(chunk);
    if (this.#ended && this.#hasBody) stream.end();
    else if (waiting !== undefined && !stream.writableNeedDrain) this.#receiver.onWritable();
  }

  /** An upgrade is an extended CONNECT in HTTP/2 (RFC 8441 section 4). */
  #fields(): string[] {
    const { method, authority, scheme, path, headers } = this.#head;
    const upgrade = this.#hasBody ? fieldValue(headers, 'upgrade') : undefined;
    this.#upgrade = upgrade;
    const fields = [':method', upgrade === undefined ? method : 'CONNECT', ':authority', authority];
    if (upgrade !== undefined) fields.push(':protocol', upgrade);
    if (upgrade !== undefined || method !== 'CONNECT') fields.push(':scheme', scheme, ':path', path);
    appendFields(headers, fields);
    return fields;
  }

  /** A 200 to an extended CONNECT is what a 101 is to an upgrade. */
  #headOf(status: number, headers: HeaderList): ResponseHead {
    if (this.#upgrade === undefined || status !== 200) return { status, headers };
    headers.push('upgrade', this.#upgrade);
    return { status: 101, headers };
  }

  /** Ends the request without an answer: no connection came to be, or it was lost. */
  fail(reason: ResetReason, detail: string): void {
    if (this.#done) return;
    this.#finish();
    this.#receiver.onReset(reason, detail);
  }

  sendData(chunk: Uint8Array): boolean {
    if (this.#done || this.#ended) return true;
    if (this.#stream !== undefined) return this.#stream.destroyed ? true : this.#stream.write(chunk);
    this.#waiting ??= [];
    this.#waiting.push(chunk);
    return false;
  }

  sendEnd(trailers?: HeaderList): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#trailers = trailers;
    if (this.#hasBody && this.#stream !== undefined && !this.#stream.destroyed) this.#stream.end();
  }

  pause(): void {
    this.#paused = true;
    this.#stream?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#stream?.resume();
  }

  reset(reason: ResetReason): void {
    if (this.#done) return;
    this.#finish();
    if (this.#stream !== undefined && !this.#stream.destroyed) this.#stream.close(codeForUpstream(reason));
  }

  /** DATA frames flow both ways as they are: nothing to change. */
  becomeTunnel(): void {}

  #finish(): void {
    this.#done = true;
    this.#onDone(this.#started);
  }

  #listen(stream: ClientHttp2Stream, onClosed: () => void): void {
    stream.on('error', ignoreError);
    stream.on('wantTrailers', () => {
      if (!stream.destroyed && !this.#done) stream.sendTrailers(this.#trailers === undefined ? {} : trailersObject(this.#trailers));
    });
    stream.on('drain', () => {
      if (!this.#done) this.#receiver.onWritable();
    });
    stream.on('headers', (_headers: unknown, _flags: number, raw: unknown) => {
      const pseudo = noPseudo();
      const headers = readFields(rawList(raw), pseudo);
      if (!this.#done) this.#receiver.onInformational({ status: pseudo.status, headers });
    });
    stream.on('response', (_headers: unknown, flags: number, raw: unknown) => {
      const pseudo = noPseudo();
      const headers = readFields(rawList(raw), pseudo);
      if (this.#done) return;
      this.#receiver.onHead(this.#headOf(pseudo.status, headers), (flags & endStreamFlag) === 0);
    });
    stream.on('trailers', (_headers: unknown, _flags: number, raw: unknown) => {
      this.#responseTrailers = readTrailers(rawList(raw));
    });
    stream.on('data', (chunk: Buffer) => {
      if (!this.#done) this.#receiver.onData(chunk);
    });
    stream.on('end', () => {
      if (this.#done || stream.aborted || (stream.rstCode ?? 0) !== errorCode.none) return;
      this.#complete = true;
      this.#finish();
      this.#receiver.onEnd(this.#responseTrailers);
    });
    stream.on('close', () => {
      onClosed();
      if (this.#complete || this.#done) return;
      const gone = stream.session === undefined || stream.session.destroyed;
      const code = stream.rstCode ?? errorCode.none;
      this.fail(gone && code !== errorCode.refusedStream ? 'connection-closed' : reasonOf(code), `HTTP/2 error code ${code}`);
    });
  }
}

function ignoreError(): void {
  // 'close' follows with the code.
}
