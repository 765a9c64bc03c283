// The way out of a mesh in a network of its own: connections of pods to addresses that no pod has are redirected here, and go on as connections of the
// host, or are refused at once and told. Bytes are passed as they come; nothing of them is read.
import { createServer, type Server, type Socket } from 'node:net';
import type { HostLink } from '#app/up/host-link.ts';
import type { Egress } from '#app/up/host-protocol.ts';
import type { Clock } from '#base/clock.ts';
import type { Destination, ReadDestination } from '#proxy/capture/destination.ts';
import { formatAddress, plainAddress } from '#proxy/downstream-connection.ts';

export type EgressEvent = {
  readonly kind: 'egress refused' | 'egress failed';
  /** `reviews-v1.default`, or the address of who is no pod. */
  readonly from: string;
  /** `93.184.216.34:443` */
  readonly to: string;
  /** How many connections since it was last told. */
  readonly count: number;
  readonly reason: string;
};

export type EgressRelayOptions = {
  readonly egress: Egress;
  readonly host: Pick<HostLink, 'connect'>;
  /** Where a redirected connection was meant to go. */
  readonly destinationOf: ReadDestination;
  /** The pod of an address. */
  readonly podAt: (address: string) => string | undefined;
  readonly emit: (event: EgressEvent) => void;
  readonly clock: Clock;
};

/** The same is told once in so long. */
const quietMs = 30_000;
/** Of pairs of caller and destination that are remembered. */
const mostRemembered = 1_000;

type Told = { atMs: number; since: number };

export class EgressRelay implements AsyncDisposable {
  readonly #options: EgressRelayOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #told = new Map<string, Told>();

  constructor(options: EgressRelayOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => void this.#take(socket));
  }

  /** Takes connections at `address`, on any free port, which is given. */
  listen(address: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: address, port: 0 }, () => {
        const bound = this.#server.address();
        resolve(typeof bound === 'object' && bound !== null ? bound.port : 0);
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #take(inside: Socket): Promise<void> {
    this.#track(inside);
    const { egress, host, destinationOf } = this.#options;
    const destination = destinationOf(inside);
    // Whoever connects to the relay itself means nobody outside.
    if (destination === undefined || isItself(destination, inside)) return void inside.resetAndDestroy();
    if (egress === 'none') return this.#refuse(inside, destination, 'egress refused', '--egress host allows it');
    const outside = await host.connect(destination.address, destination.port);
    if (!outside.ok) return this.#refuse(inside, destination, 'egress failed', outside.error.reason);
    this.#track(outside.value);
    if (inside.destroyed) outside.value.destroy();
    else join(inside, outside.value);
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {}); // its close tells the other side
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #refuse(inside: Socket, { address, port }: Destination, kind: EgressEvent['kind'], reason: string): void {
    const caller = plainAddress(inside.remoteAddress);
    inside.resetAndDestroy();
    const [from, to] = [this.#options.podAt(caller) ?? caller, formatAddress(address, port)];
    const count = this.#due(`${kind} ${from} ${to}`);
    if (count > 0) this.#options.emit({ kind, from, to, count, reason });
  }

  /** How many of these to tell of now; 0: not yet. */
  #due(key: string): number {
    const now = this.#options.clock.monotonicMs();
    const told = this.#told.get(key);
    if (told !== undefined && now - told.atMs < quietMs) {
      told.since += 1;
      return 0;
    }
    if (this.#told.size >= mostRemembered) this.#told.clear();
    this.#told.set(key, { atMs: now, since: 0 });
    return 1 + (told?.since ?? 0);
  }
}

function isItself({ address, port }: Destination, { localAddress, localPort }: Socket): boolean {
  return address === plainAddress(localAddress) && port === localPort;
}

/** Each end of input is passed on by itself; when one side breaks, so does the other. */
function join(inside: Socket, outside: Socket): void {
  // A socket that came over IPC does not know of half-open connections unless told.
  outside.allowHalfOpen = true;
  inside.pipe(outside);
  outside.pipe(inside);
  inside.once('close', () => outside.destroy());
  outside.once('close', () => inside.destroy());
}
