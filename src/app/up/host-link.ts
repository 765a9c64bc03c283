// The mesh's end of the channel to the process that stayed in the host's network: questions in, sockets and answers out. When the channel closes,
// whoever stood at the other end is gone.
import type { Socket } from 'node:net';
import type { HostAnswer, HostMessage, HostRequest } from '#app/up/host-protocol.ts';
import type { RawHandle } from '#app/up/host-requests.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { HostSocket, HostSockets } from '#runtime/network.ts';

/** As much of `process` as is needed: the channel that a parent opened. */
export type Channel = {
  readonly send?: ((message: HostRequest) => boolean) | undefined;
  readonly disconnect?: (() => void) | undefined;
  readonly on: (event: 'message' | 'disconnect', listener: (message: HostMessage, handle?: unknown) => void) => unknown;
};

type Failure = Pick<Extract<HostAnswer, { readonly kind: 'failed' }>, 'code' | 'reason'>;
const usualHost = '127.0.0.1';

type Waiting = (answer: HostAnswer, handle: unknown) => void;

export class HostLink implements HostSockets, Disposable {
  readonly #channel: Channel;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #closed = false;

  /** `host`: an address of this machine's. */
  readonly listen = async (port: number, host: string = usualHost): Promise<Result<HostSocket, Diagnostic>> => {
    const { answer, handle } = await this.#ask((id) => ({ kind: 'listen', id, host, port }));
    if (answer.kind !== 'listening') return failed(notOpened(host, port, answer));
    // It came with a `listening` of our own program.
    const raw = handle as RawHandle & { readonly close: () => void };
    return ok({ handle: raw, fd: raw.fd, port: answer.port, close: () => raw.close() });
  };

  /** `onInterrupt`: the user asks for an end, each time. `onGone`: the host's side has ended by itself; nothing can be asked any more. */
  constructor(channel: Channel, { onInterrupt, onGone }: { readonly onInterrupt: () => void; readonly onGone: () => void }) {
    this.#channel = channel;
    channel.on('message', (message, handle) => {
      if (message.kind === 'interrupted') return onInterrupt();
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      waiting?.(message, handle);
    });
    channel.on('disconnect', () => {
      const wasClosed = this.#closed;
      this.#closed = true;
      for (const [id, waiting] of this.#waiting) waiting(gone(id), undefined);
      this.#waiting.clear();
      if (!wasClosed) onGone();
    });
  }

  /** A socket of the host that is connected, from which nothing was read. */
  async connect(host: string, port: number): Promise<Result<Socket, Failure>> {
    const { answer, handle } = await this.#ask((id) => ({ kind: 'connect', id, host, port }));
    // Likewise.
    return answer.kind === 'connected' ? ok(handle as Socket) : failed(failureOf(answer));
  }

  /** A DNS message as one of the host's resolvers answers it. */
  async resolve(query: Uint8Array, transport: 'udp' | 'tcp'): Promise<Result<Uint8Array, Failure>> {
    const { answer } = await this.#ask((id) => ({ kind: 'resolve', id, query, transport }));
    return answer.kind === 'resolved' ? ok(answer.answer) : failed(failureOf(answer));
  }

  /** Who has a port of the host, in words; undefined where it is free. */
  async whyTaken(port: number): Promise<{ readonly holder: string | undefined } | undefined> {
    const { answer, handle } = await this.#ask((id) => ({ kind: 'listen', id, host: usualHost, port }));
    if (answer.kind === 'listening') {
      // As above.
      (handle as { readonly close: () => void }).close();
      return undefined;
    }
    return { holder: answer.kind === 'failed' ? answer.holder : undefined };
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#channel.disconnect?.();
  }

  #ask(request: (id: number) => HostRequest): Promise<{ readonly answer: HostAnswer; readonly handle: unknown }> {
    const id = this.#next++;
    return new Promise((resolve) => {
      if (this.#closed || this.#channel.send === undefined) return resolve({ answer: gone(id), handle: undefined });
      this.#waiting.set(id, (answer, handle) => resolve({ answer, handle }));
      this.#channel.send(request(id));
    });
  }
}

function gone(id: number): HostAnswer {
  return { kind: 'failed', id, code: 'EPIPE', reason: "the host's side has ended" };
}

function failureOf(answer: HostAnswer): Failure {
  return answer.kind === 'failed' ? answer : { code: 'EPROTO', reason: `unexpected answer: ${answer.kind}` };
}

function notOpened(host: string, port: number, answer: HostAnswer): Diagnostic {
  const { code, reason } = failureOf(answer);
  const holder = answer.kind === 'failed' && answer.holder !== undefined ? ` by ${answer.holder}` : '';
  const why =
    code === 'EADDRINUSE' ? `it is taken${holder}` : code === 'EACCES' ? 'ports below 1024 need rights that this user does not have' : reason;
  return {
    code: 'HDL0041',
    severity: 'error',
    message: `cannot listen on ${host}:${port} of this machine: ${why}`,
    hint: 'choose another port (0 takes any free one): --gateway-port, --admin-port',
  };
}
