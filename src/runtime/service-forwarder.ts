// The way to Services for pods without a sidecar where Services have no address: a port of 127.0.0.1 for each of their ports, from which connections go on
// to the endpoints that are ready, one after the other, as kube-proxy sends them. In: Services and EndpointSlices as they change. Out: such ports.
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AnyResource } from '#api/kinds.ts';
import type { CalledHost } from '#runtime/called-host.ts';
import type { PortAllocator } from '#runtime/port-allocator.ts';
import { loopbackAddress } from '#runtime/port-plan.ts';

type Endpoint = { readonly address: string; readonly port: number };
type Way = { readonly port: number; readonly server: Server; turn: number };

export class ServiceForwarder implements AsyncDisposable {
  readonly #allocator: Pick<PortAllocator, 'take' | 'giveBack'>;
  /** By `namespace/service:port`. */
  readonly #ways = new Map<string, Promise<Way>>();
  #resources: readonly AnyResource[] = [];
  /** Made of the resources when somebody asks. */
  #known: ReadonlyMap<string, readonly Endpoint[]> | undefined;
  readonly #sockets = new Set<Socket>();

  constructor(allocator: Pick<PortAllocator, 'take' | 'giveBack'>) {
    this.#allocator = allocator;
  }

  /** The local port for each of the Services' ports, by `hostname:port`: those of the namespace among `calls`, not hosts of ServiceEntries. */
  async open(namespace: string, calls: readonly CalledHost[]): Promise<ReadonlyMap<string, number>> {
    const services = calls.filter(({ hostname, name }) => hostname.startsWith(`${name}.${namespace}.svc.`));
    const opened = services.flatMap(({ hostname, name, ports }) =>
      ports.map(async ({ number }): Promise<[string, number]> => {
        const key = `${namespace}/${name}:${number}`;
        return [`${hostname}:${number}`, (await this.#wayTo(key)).port];
      }),
    );
    return new Map(await Promise.all(opened));
  }

  /** All Services and EndpointSlices, after each change. */
  take(resources: readonly AnyResource[]): void {
    this.#resources = resources;
    this.#known = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ways = await Promise.all(this.#ways.values());
    this.#ways.clear();
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(ways.map(({ server }) => new Promise((resolve) => server.close(resolve))));
    this.#allocator.giveBack(ways.map(({ port }) => port));
  }

  /** One that could not be opened is tried again by the next who asks. */
  #wayTo(key: string): Promise<Way> {
    const known = this.#ways.get(key);
    if (known !== undefined) return known;
    const way = this.#listen(key);
    this.#ways.set(key, way);
    way.catch(() => this.#ways.delete(key));
    return way;
  }

  async #listen(key: string): Promise<Way> {
    const port = await this.#allocator.take();
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#pass(key, way, socket));
    const way: Way = { port, server, turn: 0 };
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, loopbackAddress, resolve);
      });
    } catch (error) {
      this.#allocator.giveBack([port]);
      throw error;
    }
    return way;
  }

  /** Whom there is no endpoint for is refused: his connection is reset. */
  #pass(key: string, way: Way, socket: Socket): void {
    this.#known ??= endpointsByPort(this.#resources);
    const endpoints = this.#known.get(key) ?? [];
    const endpoint = endpoints[way.turn % endpoints.length];
    if (endpoint === undefined) {
      socket.on('error', () => {});
      socket.resetAndDestroy();
      return;
    }
    way.turn += 1;
    const onward = connect({ host: endpoint.address, port: endpoint.port, allowHalfOpen: true });
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => other.resetAndDestroy());
      one.on('close', () => this.#sockets.delete(one));
      one.pipe(other);
    }
  }
}

/** Those that are ready, by `namespace/service:port`. A port of a Service and one of a slice are the same by their name. */
function endpointsByPort(resources: readonly AnyResource[]): ReadonlyMap<string, readonly Endpoint[]> {
  const ports = new Map<string, string>();
  for (const one of resources) {
    if (one.kind !== 'Service') continue;
    const { namespace, name } = one.metadata;
    for (const port of one.spec.ports ?? []) ports.set(`${namespace}/${name} ${port.name ?? ''}`, `${namespace}/${name}:${port.port}`);
  }
  const found = new Map<string, Endpoint[]>();
  for (const one of resources) {
    if (one.kind !== 'EndpointSlice') continue;
    const service = `${one.metadata.namespace}/${one.metadata.labels['kubernetes.io/service-name'] ?? ''}`;
    const addresses = (one.endpoints ?? []).flatMap(({ addresses: all, conditions }) => (conditions?.ready === false ? [] : all));
    for (const { name = '', port } of one.ports ?? []) {
      const key = ports.get(`${service} ${name}`);
      if (key !== undefined && port !== undefined) found.set(key, [...(found.get(key) ?? []), ...addresses.map((address) => ({ address, port }))]);
    }
  }
  return found;
}
