// Free TCP ports of 127.0.0.1, each handed out once until it is given back. Below the range from which systems take the ports of
// outgoing connections, so that a port stays free between the check and its use.
import { createServer } from 'node:net';

const firstPort = 20_000;
const lastPort = 31_999;

export type PortCheck = (port: number) => Promise<boolean>;

/** Whether 127.0.0.1:`port` can be bound now. */
export const isPortFree: PortCheck = (port) =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });

export class PortAllocator {
  readonly #taken = new Set<number>();
  readonly #isFree: PortCheck;
  #next: number;

  /** `random` in [0, 1) sets where the search begins, so that two meshes on one machine rarely meet. */
  constructor({ random, isFree = isPortFree }: { readonly random: () => number; readonly isFree?: PortCheck }) {
    this.#isFree = isFree;
    this.#next = firstPort + Math.floor(random() * (lastPort - firstPort + 1));
  }

  /** A free port, 20000–31999. Throws when none is left. */
  async take(): Promise<number> {
    for (let tried = firstPort; tried <= lastPort; tried++) {
      const port = this.#next;
      this.#next = port === lastPort ? firstPort : port + 1;
      if (this.#taken.has(port)) continue;
      this.#taken.add(port);
      if (await this.#isFree(port)) return port;
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
}
