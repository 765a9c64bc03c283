// A TCP connection through an HTTP proxy (tunneling_config): one request of a pool as a stream of bytes, open once the proxy has said 2xx.
import { Duplex } from 'node:stream';
import type { TunnelEntry } from '#decide/listener-entry.ts';
import type { ClientStream, RequestHead, ResetReason, ResponseHead, ResponseReceiver, UpstreamPool } from '#proxy/http/stream.ts';
import type { Connecting } from '#proxy/upstream/connect.ts';

export type TunnelReceiver = {
  readonly onConnect: (tunnel: Tunnel) => void;
  /** Never after `onConnect`. */
  readonly onConnectFailed: (reason: ResetReason, detail: string) => void;
};

/** Asks for the tunnel; calls exactly one method of the receiver, unless it is cancelled before. */
export function openTunnel(entry: TunnelEntry, pool: UpstreamPool, receiver: TunnelReceiver): Connecting {
  const tunnel = new Tunnel(receiver);
  tunnel.open(pool, headOf(entry));
  return { cancel: () => tunnel.destroy() };
}

function headOf({ method, authority, path }: TunnelEntry): RequestHead {
  return { method, scheme: 'http', authority, path: method === 'CONNECT' ? '' : path, headers: [], version: 'HTTP/1.1' };
}

export class Tunnel extends Duplex implements ResponseReceiver {
  localAddress = '';
  readonly #receiver: TunnelReceiver;
  #stream: ClientStream | undefined;
  /** The proxy has said yes, or no. */
  #answered = false;
  #onWritten: (() => void) | undefined;

  constructor(receiver: TunnelReceiver) {
    super({ allowHalfOpen: true });
    this.#receiver = receiver;
    this.on('error', () => {
      // 'close' follows.
    });
  }

  open(pool: UpstreamPool, head: RequestHead): void {
    this.#stream = pool.open(head, true, this);
  }

  onConnected(_upstreamAddress: string, localAddress: string): void {
    this.localAddress = localAddress;
  }

  onInformational(): void {}

  onHead({ status }: ResponseHead): void {
    if (this.destroyed) return;
    this.#answered = true;
    if (status >= 200 && status < 300) {
      this.#stream?.becomeTunnel();
      this.#receiver.onConnect(this);
      return;
    }
    this.destroy();
    this.#receiver.onConnectFailed('connect-failed', `the tunnel was refused with ${status}`);
  }

  onData(chunk: Buffer): void {
    if (!this.destroyed && !this.push(chunk)) this.#stream?.pause();
  }

  onEnd(): void {
    if (!this.destroyed) this.push(null);
  }

  onReset(reason: ResetReason, detail = ''): void {
    if (this.destroyed) return;
    const before = !this.#answered;
    this.#answered = true;
    this.#stream = undefined;
    this.destroy(new Error(detail === '' ? reason : detail));
    if (before) this.#receiver.onConnectFailed(reason, detail);
  }

  onWritable(): void {
    const onWritten = this.#onWritten;
    this.#onWritten = undefined;
    onWritten?.();
  }

  override _read(): void {
    this.#stream?.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#stream === undefined || this.#stream.sendData(chunk)) done();
    else this.#onWritten = done;
  }

  override _final(done: () => void): void {
    this.#stream?.sendEnd();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#stream?.reset('local-reset');
    this.#stream = undefined;
    done(error);
  }
}
