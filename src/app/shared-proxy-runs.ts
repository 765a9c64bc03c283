// The proxies of a process that runs several: orders in, proxies that start and end by them. Each has its own options, identity, log and network; what they
// have in common is the code, the memory and the one thread.
import { appendFileSync } from 'node:fs';
import { readProxyArguments } from '#app/program-options.ts';
import { runProxyProcess } from '#app/proxy-process.ts';
import type { SharedProxyNews, SharedProxyOrder } from '#app/shared-proxies-protocol.ts';
import { assertNever } from '#base/assert-never.ts';
import { namespaceSockets } from '#base/namespace-sockets.ts';

type Run = { readonly end: () => void; readonly cut: () => void; readonly over: Promise<void> };

type Start = Extract<SharedProxyOrder, { readonly kind: 'start' }>;

export class SharedProxyRuns {
  readonly #tell: (news: SharedProxyNews) => void;
  readonly #runs = new Map<number, Run>();
  /** Of proxies that are yet to be started. */
  readonly #hostSockets = new Map<number, { readonly port: number; readonly socket: object }[]>();

  constructor(tell: (news: SharedProxyNews) => void) {
    this.#tell = tell;
  }

  /** `handle`: what came with the order. */
  follow(order: SharedProxyOrder, handle?: unknown): void {
    switch (order.kind) {
      case 'host socket': {
        const sockets = this.#hostSockets.get(order.id) ?? [];
        this.#hostSockets.set(order.id, sockets);
        // A socket that was closed before it arrived has no handle.
        if (typeof handle === 'object' && handle !== null) sockets.push({ port: order.port, socket: handle });
        return;
      }
      case 'start':
        return this.#start(order);
      case 'end':
        return this.#runs.get(order.id)?.end();
      case 'cut':
        return this.#runs.get(order.id)?.cut();
      default:
        return assertNever(order, 'order of a shared proxy');
    }
  }

  /** Drains all of them; resolves when the last has ended. */
  async end(): Promise<void> {
    for (const { end } of this.#runs.values()) end();
    await Promise.all([...this.#runs.values()].map(({ over }) => over));
  }

  #start(order: Start): void {
    const { id } = order;
    const ending = new AbortController();
    const cutting = new AbortController();
    const over = this.#run(order, ending.signal, cutting.signal).then((code) => {
      this.#runs.delete(id);
      this.#tell({ kind: 'ended', id, code });
    });
    const end = (): void => ending.abort();
    const cut = (): void => {
      cutting.abort();
      ending.abort();
    };
    this.#runs.set(id, { end, cut, over });
  }

  async #run({ id, args, logFile, namespace }: Start, ending: AbortSignal, cut: AbortSignal): Promise<number> {
    const warn = (line: string): void => appendFileSync(logFile, `heddle proxy: ${line}\n`);
    const hostSockets = this.#hostSockets.get(id) ?? [];
    this.#hostSockets.delete(id);
    const sockets = namespace === undefined ? undefined : namespaceSockets(namespace);
    if (sockets?.ok === false) {
      warn(`${sockets.error}; --proxies each does without`);
      return 2;
    }
    const options = { ...readProxyArguments(args), logFile, environment: process.env };
    const code = await runProxyProcess(options, warn, {
      network: sockets?.value,
      outputFile: logFile,
      hostSockets,
      untilEnd: (quit) => aborted(AbortSignal.any([quit, ending])),
      cut,
      onReady: () => this.#tell({ kind: 'ready', id }),
    });
    sockets?.value.close();
    return code;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
