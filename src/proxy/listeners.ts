// All bound listeners by name. A new configuration goes in place where the address stays; where it moves, the new one is bound before the old one drains.
// A listener whose new configuration cannot be used keeps its last good one.
import type { Socket } from 'node:net';
import { toBinary } from '@bufbuild/protobuf';
import { failed, ok, type Result } from '#base/result.ts';
import type { FilterChainEntry, ListenerEntry } from '#decide/listener-entry.ts';
import { handedTo, listenerAt } from '#decide/listener-lookup.ts';
import { type FilterChain as FilterChainMessage, FilterChainSchema } from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';
import type { Listener as ListenerMessage } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import type { Destination, ReadDestination } from '#proxy/capture/destination.ts';
import { plainAddress } from '#proxy/downstream-connection.ts';
import { buildFilterChain, type ChainParts, type FilterChain } from '#proxy/filter-chain.ts';
import { Listener, type ListenerHost, type ListenerSetup } from '#proxy/listener.ts';
import { restoresDestination } from '#proxy/listener-inspectors.ts';
import { compileAccessLogs } from '#telemetry/access-log-config.ts';

type Bound = { listener: Listener; setup: ListenerSetup; chainsByContent: ReadonlyMap<string, FilterChain> };

export class Listeners {
  readonly #parts: ChainParts;
  readonly #host: ListenerHost;
  /** How long connections of a removed listener, or of a chain that was replaced, may go on. */
  readonly #drainMs: number;
  readonly #bound = new Map<string, Bound>();
  /** Those that were removed or moved and have connections left, each with what cuts these. */
  readonly #draining = new Map<Promise<void>, AbortController>();
  /** Made when first asked for after a change. */
  #byPort: ReadonlyMap<number, readonly Bound[]> | undefined;
  #readDestination: Promise<ReadDestination | undefined> | undefined;

  constructor(parts: ChainParts, host: ListenerHost, drainMs: number) {
    this.#parts = parts;
    this.#host = host;
    this.#drainMs = drainMs;
  }

  /** Listeners in force, with the address each one really has. */
  all(): readonly { readonly name: string; readonly entry: ListenerEntry; readonly address: string; readonly port: number }[] {
    return [...this.#bound].map(([name, { listener, setup }]) => {
      const { address, port } = listener.address ?? setup.entry;
      return { name, entry: setup.entry, address, port };
    });
  }

  /** Adds the listener or changes it. The error says what of it cannot be used, or that its port is taken. */
  async apply(message: ListenerMessage, entry: ListenerEntry): Promise<Result<void, string>> {
    const readDestination = restoresDestination(entry) ? await this.#destinationReader() : undefined;
    const known = this.#bound.get(entry.name);
    const built = this.#build(message, entry, known?.chainsByContent ?? new Map(), readDestination);
    if (!built.ok) return built;
    const { setup, chainsByContent } = built.value;
    this.#byPort = undefined;
    if (known !== undefined && sameSocket(known.setup.entry, entry)) {
      known.setup = setup;
      known.chainsByContent = chainsByContent;
      this.#cutLater(known.listener.update(setup));
      return ok(undefined);
    }
    const listener = new Listener(setup, this.#host, this.#handOver);
    if (entry.bindToPort) {
      const bound = await listener.bind();
      if (!bound.ok) return bound;
    }
    this.#bound.set(entry.name, { listener, setup, chainsByContent });
    this.#byPort = undefined;
    if (known !== undefined) this.#retire(known.listener);
    return ok(undefined);
  }

  /** A connection that came elsewhere for this port; closed where no listener serves it. */
  adopt(socket: Socket, port: number): void {
    const address = plainAddress(socket.localAddress);
    const entries = [...this.#bound.values()].map(({ setup }) => setup.entry);
    const entry =
      listenerAt(entries, address, port, ({ bindToPort }) => bindToPort) ?? entries.find((other) => other.bindToPort && other.port === port);
    const listener = entry === undefined ? undefined : this.#bound.get(entry.name)?.listener;
    if (listener === undefined) socket.destroy();
    else listener.adopt(socket, { address, port, restored: false });
  }

  /** Stops accepting; connections get `drainMs` to end. */
  remove(name: string): void {
    const known = this.#bound.get(name);
    if (known === undefined) return;
    this.#bound.delete(name);
    this.#byPort = undefined;
    this.#retire(known.listener);
  }

  /**
   * Stops accepting everywhere, or on inbound listeners only, and waits for connections to end, those of listeners that are gone already too; what is left
   * when `signal` aborts is cut.
   */
  async drain(signal: AbortSignal, inboundOnly = false): Promise<void> {
    const all = [...this.#bound.values()].filter(({ setup }) => !inboundOnly || setup.entry.trafficDirection === 'inbound');
    const cut = (): void => {
      for (const deadline of this.#draining.values()) deadline.abort();
    };
    if (signal.aborted) cut();
    else signal.addEventListener('abort', cut, { once: true });
    await Promise.all([...all.map(({ listener }) => listener.drain(signal)), ...this.#draining.keys()]);
    signal.removeEventListener('abort', cut);
  }

  readonly #handOver = (from: ListenerEntry, { address, port }: Destination): Listener | undefined => {
    this.#byPort ??= Map.groupBy(this.#bound.values(), ({ setup }) => setup.entry.port);
    const candidates = this.#byPort.get(port) ?? [];
    const entry = handedTo(
      from,
      candidates.map(({ setup }) => setup.entry),
      address,
      port,
    );
    return candidates.find(({ setup }) => setup.entry === entry)?.listener;
  };

  /** What reads destinations is loaded with the first listener that asks for them. */
  #destinationReader(): Promise<ReadDestination | undefined> {
    this.#readDestination ??= import('#proxy/capture/original-destination.ts').then(({ destinationReader }) => destinationReader());
    return this.#readDestination;
  }

  /** Envoy does the same when its drain time is over: what was decided by the old chain, such as a policy, does not hold for ever. */
  #cutLater(cut: (() => void) | undefined): void {
    if (cut !== undefined) setTimeout(cut, this.#drainMs).unref();
  }

  #retire(listener: Listener): void {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), this.#drainMs);
    timer.unref();
    const drained = listener.drain(deadline.signal).finally(() => {
      clearTimeout(timer);
      this.#draining.delete(drained);
    });
    this.#draining.set(drained, deadline);
  }

  /** Chains whose content did not change stay the same objects, so that their connections are left alone. */
  #build(
    message: ListenerMessage,
    entry: ListenerEntry,
    before: ReadonlyMap<string, FilterChain>,
    readDestination: ReadDestination | undefined,
  ): Result<{ readonly setup: ListenerSetup; readonly chainsByContent: ReadonlyMap<string, FilterChain> }, string> {
    const log = compileAccessLogs(entry.accessLogs, this.#parts.logs);
    if (!log.ok) return log;
    const chains = new Map<FilterChainEntry, FilterChain>();
    const chainsByContent = new Map<string, FilterChain>();
    for (const { field, chain, content } of chainsOf(message, entry)) {
      const kept = before.get(content);
      const built = kept === undefined ? buildFilterChain(chain, this.#parts) : ok(kept);
      if (!built.ok) return failed(`${field}: ${built.error}`);
      chains.set(chain, built.value);
      chainsByContent.set(content, built.value);
    }
    return ok({ setup: { entry, chains, log: log.value, readDestination }, chainsByContent });
  }
}

type ListedChain = { readonly field: string; readonly chain: FilterChainEntry; readonly content: string };

function chainsOf(message: ListenerMessage, entry: ListenerEntry): readonly ListedChain[] {
  const listed = entry.filterChains.flatMap((chain, index): ListedChain[] => {
    const source = message.filterChains[index];
    return source === undefined ? [] : [{ field: `filter_chains[${index}]`, chain, content: contentOf(source) }];
  });
  const { defaultFilterChain } = entry;
  if (defaultFilterChain === undefined || message.defaultFilterChain === undefined) return listed;
  return [...listed, { field: 'default_filter_chain', chain: defaultFilterChain, content: contentOf(message.defaultFilterChain) }];
}

function contentOf(chain: FilterChainMessage): string {
  return Buffer.from(toBinary(FilterChainSchema, chain)).toString('base64');
}

function sameSocket(a: ListenerEntry, b: ListenerEntry): boolean {
  const [own = [], other = []] = [a.additionalAddresses, b.additionalAddresses];
  return a.address === b.address && a.port === b.port && a.bindToPort === b.bindToPort && own.join() === other.join();
}
