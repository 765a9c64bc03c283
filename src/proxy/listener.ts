// One listener: accepts, or is given what another has accepted, looks at the first bytes where somebody wants to know them, chooses a filter chain, and
// keeps account of who is connected. Chains are exchanged in place: new connections get the new ones, open connections finish on the old.
import { createServer, type Server, type Socket } from 'node:net';
import { ok, type Result } from '#base/result.ts';
import type { SocketNetwork } from '#base/socket-network.ts';
import type { FilterChainEntry, ListenerEntry } from '#decide/listener-entry.ts';
import { chooseFilterChain } from '#decide/listener-table.ts';
import type { ConnectionView } from '#decide/views.ts';
import type { Destination, ReadDestination } from '#proxy/capture/destination.ts';
import type { DenialLog } from '#proxy/denial-log.ts';
import { describeConnection, describeSecureConnection, formatAddress, isSocketAddress, type OpenConnection } from '#proxy/downstream-connection.ts';
import type { FilterChain } from '#proxy/filter-chain.ts';
import type { ServedConnection } from '#proxy/http/server-codec.ts';
import { type Inspection, inspect, nothingInspected } from '#proxy/inspect.ts';
import { listenAt } from '#proxy/listen-place.ts';
import { inspectorsOf, type ListenerInspectors } from '#proxy/listener-inspectors.ts';
import { type AnnouncedEnds, takeProxyHeader } from '#proxy/proxy-header.ts';
import { closedInHandshake } from '#proxy/tls/downstream.ts';
import type { AccessLog } from '#telemetry/access-log.ts';
import { newAccessRecord } from '#telemetry/access-record.ts';
import type { Counters } from '#telemetry/counters.ts';

/** A listener's entry with a running chain for each of its entries. */
export type ListenerSetup = {
  readonly entry: ListenerEntry;
  readonly chains: ReadonlyMap<FilterChainEntry, FilterChain>;
  readonly log: AccessLog | undefined;
  /** Where the listener restores destinations, and the system knows them. */
  readonly readDestination: ReadDestination | undefined;
};

/** The listener that takes over what another has accepted, if there is one (decide/listener-lookup.ts). */
export type HandOver = (from: ListenerEntry, destination: Destination) => Listener | undefined;

/** What all listeners of a proxy share. */
export type ListenerHost = {
  /** Where its addresses are, if not where its process is. */
  readonly network?: SocketNetwork | undefined;
  readonly counters: Counters;
  readonly nextConnectionId: () => number;
  readonly nowMs: () => number;
  /** Told why a client's handshake came to nothing; not where it just went away. */
  readonly denials: DenialLog;
  /** Open connections of all listeners, and how many there may be; Infinity: no limit. */
  readonly connections: { open: number; readonly limit: number };
};

/** One accepted connection, from accept to close. */
type Accepted = {
  readonly socket: Socket;
  /** Whose connection it is now. */
  holder: Listener;
  handedOver: boolean;
  readonly destination: Destination | undefined;
  connection: OpenConnection | undefined;
  chain: FilterChain | undefined;
  served: ServedConnection | undefined;
  /** From a PROXY header. */
  announced?: AnnouncedEnds | undefined;
};

function cut(accepted: readonly Accepted[]): void {
  for (const { served, socket } of accepted) {
    served?.destroy();
    socket.destroy();
  }
}

export class Listener {
  readonly #host: ListenerHost;
  readonly #handOver: HandOver;
  /** For its address, and for each further one. */
  readonly #servers: readonly Server[];
  readonly #accepted = new Set<Accepted>();
  readonly #cells;
  #setup: ListenerSetup;
  #inspectorsAt: (port: number) => ListenerInspectors;
  #inspectors: ListenerInspectors;
  #draining = false;
  #onEmpty: (() => void) | undefined;

  constructor(setup: ListenerSetup, host: ListenerHost, handOver: HandOver) {
    this.#host = host;
    this.#handOver = handOver;
    this.#setup = setup;
    this.#inspectorsAt = inspectorsOf(setup.entry);
    this.#inspectors = this.#inspectorsAt(setup.entry.port);
    const prefix = `listener.${statName(setup.entry)}`;
    this.#cells = {
      total: host.counters.cell(`${prefix}.downstream_cx_total`),
      active: host.counters.cell(`${prefix}.downstream_cx_active`),
      overflow: host.counters.cell(`${prefix}.downstream_global_cx_overflow`),
      noChain: host.counters.cell(`${prefix}.no_filter_chain_match`),
      tlsError: host.counters.cell(`${prefix}.ssl.connection_error`),
    };
    const serve = (): Server => createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => this.#accept(socket));
    this.#servers = [serve(), ...(setup.entry.additionalAddresses ?? []).map(serve)];
  }

  get entry(): ListenerEntry {
    return this.#setup.entry;
  }

  /** Where it really listens: the port is chosen by the system when the entry says 0. Undefined before `bind`. */
  get address(): { readonly address: string; readonly port: number } | undefined {
    const bound = this.#servers[0]?.address() ?? null;
    return bound === null || typeof bound === 'string' ? undefined : { address: bound.address, port: bound.port };
  }

  get #socketPath(): string | undefined {
    const { address } = this.#setup.entry;
    return isSocketAddress(address) ? address : undefined;
  }

  get openConnections(): number {
    return this.#accepted.size;
  }

  /** At all of its addresses, or at none: the error names the one that cannot be had and says whether somebody else has it. */
  async bind(): Promise<Result<void, string>> {
    const { entry } = this.#setup;
    for (const [index, server] of this.#servers.entries()) {
      const address = index === 0 ? entry.address : (entry.additionalAddresses?.[index - 1] ?? entry.address);
      const bound = await listenAt(server, { ...entry, address }, this.#host.network);
      if (bound.ok) continue;
      this.#stopAccepting();
      return bound;
    }
    return ok(undefined);
  }

  #stopAccepting(): void {
    for (const server of this.#servers) if (server.listening) server.close();
  }

  /**
   * New connections get the new chains. Where a chain is gone, its HTTP connections say goodbye after their next response. What is given cuts those that
   * are left; undefined where there are none.
   */
  update(setup: ListenerSetup): (() => void) | undefined {
    this.#setup = setup;
    this.#inspectorsAt = inspectorsOf(setup.entry);
    this.#inspectors = this.#inspectorsAt(setup.entry.port);
    const kept = new Set(setup.chains.values());
    const left = [...this.#accepted].filter(({ chain }) => chain !== undefined && !kept.has(chain));
    for (const { connection } of left) if (connection !== undefined) connection.draining = true;
    return left.length === 0 ? undefined : () => cut(left);
  }

  /** Stops accepting and asks connections to end; those left when `signal` aborts are cut. Resolves when all are gone. */
  async drain(signal: AbortSignal): Promise<void> {
    const before = this.#draining;
    this.#draining = true;
    // The server itself would also wait for connections that others have taken over.
    const empty = new Promise<void>((resolve) => {
      if (before) resolve();
      else this.#onEmpty = resolve;
    });
    this.#stopAccepting();
    for (const accepted of [...this.#accepted]) this.#drainOne(accepted);
    const cutAll = (): void => cut([...this.#accepted]);
    if (signal.aborted) cutAll();
    else signal.addEventListener('abort', cutAll, { once: true });
    if (this.#accepted.size === 0) this.#onEmpty?.();
    await empty;
    signal.removeEventListener('abort', cutAll);
  }

  #drainOne(accepted: Accepted): void {
    if (accepted.connection !== undefined) accepted.connection.draining = true;
    // Not served yet: no request has begun.
    if (accepted.served === undefined) accepted.socket.destroy();
    else accepted.served.drain();
  }

  #forget(accepted: Accepted): void {
    this.#accepted.delete(accepted);
    if (accepted.chain !== undefined) this.#cells.active.value--;
    if (this.#accepted.size === 0) this.#onEmpty?.();
  }

  #accept(socket: Socket, given?: Destination): void {
    if (this.#host.connections.open >= this.#host.connections.limit) {
      this.#cells.overflow.value++;
      socket.destroy();
      return;
    }
    const destination = given ?? this.#setup.readDestination?.(socket);
    const accepted: Accepted = { socket, holder: this, handedOver: false, destination, connection: undefined, chain: undefined, served: undefined };
    this.#host.connections.open++;
    socket.on('error', ignoreError);
    socket.once('close', () => {
      this.#host.connections.open--;
      accepted.holder.#forget(accepted);
    });
    this.#take(accepted);
  }

  /** A socket that somebody else has accepted for this listener's port. */
  adopt(socket: Socket, destination: Destination): void {
    if (this.#draining) socket.destroy();
    else this.#accept(socket, destination);
  }

  #take(accepted: Accepted): void {
    accepted.holder = this;
    this.#accepted.add(accepted);
    const { socket, destination } = accepted;
    const { proxyHeader } = destination === undefined ? this.#inspectors : this.#inspectorsAt(destination.port);
    if (proxyHeader === 'none') {
      this.#inspect(accepted);
      return;
    }
    const timeoutMs = this.#setup.entry.listenerFiltersTimeoutMs;
    takeProxyHeader(socket, { optional: proxyHeader === 'optional', timeoutMs }, (ends) => {
      if (ends === 'refused') {
        socket.destroy();
        return;
      }
      accepted.announced = ends;
      this.#inspect(accepted);
    });
  }

  #inspect(accepted: Accepted): void {
    const { socket, destination } = accepted;
    const inspectors = destination === undefined ? this.#inspectors : this.#inspectorsAt(destination.port);
    if (!inspectors.tls && !inspectors.http) {
      this.#choose(accepted, nothingInspected, false);
      return;
    }
    const { listenerFiltersTimeoutMs, continueOnListenerFiltersTimeout } = this.#setup.entry;
    inspect(socket, inspectors, listenerFiltersTimeoutMs, (inspection, how) => {
      if (how === 'closed' || (how === 'timeout' && !continueOnListenerFiltersTimeout)) socket.destroy();
      else this.#choose(accepted, inspection, inspectors.tls);
    });
  }

  /** As Envoy, after the filters of the listener that accepted: those of the next one run as well, and it hands nothing over. */
  #choose(accepted: Accepted, inspection: Inspection, inspectedTls: boolean): void {
    const { socket, destination } = accepted;
    const next = destination?.restored === true && !accepted.handedOver ? this.#handOver(this.#setup.entry, destination) : undefined;
    if (next !== undefined) {
      accepted.handedOver = true;
      this.#forget(accepted);
      next.#take(accepted);
      return;
    }
    const ends = accepted.announced ?? this.#socketPath;
    const connection = describeConnection(socket, this.#host.nextConnectionId(), inspection.serverName ?? '', ends, destination);
    connection.draining = this.#draining;
    accepted.connection = connection;
    const view = viewOf(connection, inspection);
    const entry = chooseFilterChain(this.#setup.entry, view);
    const chain = entry === undefined ? undefined : this.#setup.chains.get(entry);
    if (chain === undefined) {
      this.#cells.noChain.value++;
      this.#logUnmatched(connection);
      socket.destroy();
      return;
    }
    accepted.chain = chain;
    this.#cells.total.value++;
    this.#cells.active.value++;
    const onServed = (served: ServedConnection): void => {
      accepted.served = served;
      if (this.#draining) served.drain();
    };
    if (chain.tls === undefined) chain.serve({ socket, connection, view, alpn: undefined, onServed });
    else if (inspectedTls) this.#handshake(accepted, chain, view, inspection, onServed);
    else {
      // No filter chain asked for the ClientHello, but the certificate and ALPN are chosen by it.
      inspect(socket, { tls: true, http: false }, this.#setup.entry.listenerFiltersTimeoutMs, (hello, how) => {
        if (how === 'seen') this.#handshake(accepted, chain, viewOf(connection, hello), hello, onServed);
        else socket.destroy();
      });
    }
  }

  #handshake(
    accepted: Accepted,
    chain: FilterChain,
    view: ConnectionView,
    inspection: Inspection,
    onServed: (served: ServedConnection) => void,
  ): void {
    const { connection, socket } = accepted;
    if (connection === undefined || chain.tls === undefined || inspection.transportProtocol !== 'tls') {
      this.#cells.tlsError.value++;
      socket.destroy();
      return;
    }
    chain.tls.accept(
      socket,
      { serverName: inspection.serverName, alpn: inspection.applicationProtocols },
      {
        onSecure: (secureSocket, localUriSans, verified) => {
          const named =
            inspection.serverName === undefined
              ? connection
              : describeConnection(socket, connection.facts.id, inspection.serverName, accepted.announced ?? this.#socketPath, accepted.destination);
          const secure = describeSecureConnection(named, secureSocket, localUriSans, verified);
          secure.draining = this.#draining;
          accepted.connection = secure;
          const alpn = typeof secureSocket.alpnProtocol === 'string' ? secureSocket.alpnProtocol : undefined;
          const peer = secure.peerNames === undefined ? {} : { peerNames: secure.peerNames, peerSubject: secure.facts.peerSubject };
          chain.serve({ socket: secureSocket, connection: secure, view: { ...view, secure: true, ...peer }, alpn, onServed });
        },
        onFailed: (detail) => {
          this.#cells.tlsError.value++;
          if (detail !== closedInHandshake) this.#host.denials.note('TLS handshake', connection.facts.directRemoteAddress, () => detail);
        },
      },
    );
  }

  #logUnmatched(connection: OpenConnection): void {
    if (this.#setup.log === undefined) return;
    const record = newAccessRecord(connection.facts, this.#host.nowMs());
    record.responseFlags = 'NR';
    record.responseCodeDetails = 'filter_chain_not_found';
    record.durationMs = 0;
    this.#setup.log.write(record);
  }
}

function viewOf(connection: OpenConnection, inspection: Inspection): ConnectionView {
  return {
    destinationAddress: connection.localAddress,
    destinationPort: connection.localPort,
    sourceAddress: connection.remoteAddress,
    ...(connection.facts.sender === undefined ? {} : { sender: { address: connection.facts.sender.ip, port: connection.facts.sender.port } }),
    sourcePort: connection.remotePort,
    transportProtocol: inspection.transportProtocol,
    ...(inspection.serverName === undefined ? {} : { serverName: inspection.serverName }),
    applicationProtocols: inspection.applicationProtocols,
  };
}

/** Envoy's name of a listener in statistics: its address, with `_` for the colons of IPv6. */
function statName(entry: ListenerEntry): string {
  return formatAddress(entry.address, entry.port)
    .replaceAll(':', '_')
    .replace(/_(\d+)$/, '_$1');
}

function ignoreError(): void {
  // 'close' follows.
}
