// Free TCP ports of 127.0.0.1, each handed out once until it is given back. Below the range from which systems take the ports of
// outgoing connections, so that a port stays free between the check and its use; and in blocks that belong to one mesh, so that another one that
// starts in the same moment does not take it either.
import { createServer } from 'node:net';

const firstPort = 20_000;
const lastPort = 31_999;
/** The first port of a block is never handed out: whoever listens on it has the block. */
const blockSize = 100;

export type PortCheck = (port: number) => Promise<boolean>;

/** Whether 127.0.0.1:`port` can be bound now. */
export const isPortFree: PortCheck = (port) =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });

/** Listens on 127.0.0.1:`port` until it is told to stop, or the process ends; undefined where somebody else does. */
export type PortHold = (port: number) => Promise<(() => void) | undefined>;

const holdPort: PortHold = (port) =>
  new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => resolve(undefined));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(() => server.close()));
    server.unref();
  });

export class PortAllocator implements Disposable {
  readonly #taken = new Set<number>();
  readonly #blocks = new Map<number, Promise<(() => void) | undefined>>();
  readonly #isFree: PortCheck;
  readonly #hold: PortHold;
  #next: number;

  /** `random` in [0, 1) sets where the search begins, so that two meshes on one machine rarely meet. */
  constructor(options: { readonly random: () => number; readonly isFree?: PortCheck; readonly hold?: PortHold }) {
    const { random, isFree = isPortFree, hold = holdPort } = options;
    this.#isFree = isFree;
    this.#hold = hold;
    this.#next = firstPort + Math.floor(random() * (lastPort - firstPort + 1));
  }

  /** A free port, 20000–31999. Throws when none is left. */
  async take(): Promise<number> {
    for (let tried = firstPort; tried <= lastPort; tried++) {
      const port = this.#next;
      this.#next = port === lastPort ? firstPort : port + 1;
      const marker = port - (port % blockSize);
      if (port === marker || this.#taken.has(port)) continue;
      this.#taken.add(port);
      if ((await this.#ownBlock(marker)) && (await this.#isFree(port))) return port;
      this.#taken.delete(port);
    }
    throw new Error(`no free port left between ${firstPort} and ${lastPort}`);
  }

  /** Takes this very port where nobody has it, whatever its number. */
  async claim(port: number): Promise<boolean> {
    if (this.#taken.has(port)) return false;
    this.#taken.add(port);
    if (await this.#isFree(port)) return true;
    this.#taken.delete(port);
    return false;
  }

  giveBack(ports: Iterable<number>): void {
    for (const port of ports) this.#taken.delete(port);
  }

  /** Leaves its blocks to others. */
  [Symbol.dispose](): void {
    for (const block of this.#blocks.values()) void block.then((release) => release?.());
    this.#blocks.clear();
  }

  async #ownBlock(marker: number): Promise<boolean> {
    let block = this.#blocks.get(marker);
    if (block === undefined) {
      block = this.#hold(marker);
      this.#blocks.set(marker, block);
    }
    return (await block) !== undefined;
  }
}
