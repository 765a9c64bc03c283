// What the embedded proxy has besides where it runs in the network of a pod: sockets of the host that stand for its ports, a name server for its
// application, and one that it asks itself. What is not asked for is not loaded.
import type { Socket } from 'node:net';
import type { PodOptions } from '#app/pod-options.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/logger.ts';
import { ok, type Result } from '#base/result.ts';
import type { SocketNetwork } from '#base/socket-network.ts';
import type { RunningDns } from '#dns/start-dns.ts';
import type { Node } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { type ResolvedName, type ResolveName, systemResolver } from '#proxy/dns-endpoints.ts';
import type { Counters } from '#telemetry/counters.ts';

export type ProxyInPodOptions = Partial<PodOptions> & {
  /** The pod's, if this process is not in it: it asks for names from where it is, where nothing is captured. */
  readonly network?: SocketNetwork | undefined;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
};

export class ProxyInPod {
  readonly #options: ProxyInPodOptions;
  readonly #hostSockets: { readonly close: () => void }[] = [];
  #dns: RunningDns | undefined;
  #resolver: ResolveName | undefined;

  constructor(options: ProxyInPodOptions) {
    this.#options = options;
  }

  /** What its own questions come from. */
  get #ownAddresses(): readonly string[] {
    return this.#options.network === undefined ? (this.#options.proxyAddresses ?? []) : [];
  }

  /** For names of endpoints. Where the application's questions are led to ourselves, our own go on to who is asked then. */
  async resolve(name: string, wantsTtl: boolean): Promise<ResolvedName> {
    const { dns } = this.#options;
    if (dns?.upstream === undefined) return systemResolver(name, wantsTtl);
    if (this.#resolver === undefined) {
      const { resolverAt } = await import('#proxy/upstream-resolver.ts');
      this.#resolver ??= resolverAt(dns.upstream, this.#ownAddresses);
    }
    return this.#resolver(name, wantsTtl);
  }

  /** Undefined where it is not to answer for names. The error names the address that cannot be had. */
  async serveNames(node: Node): Promise<Result<RunningDns | undefined, string>> {
    const { dns, network, counters, clock, logger, random } = this.#options;
    if (dns === undefined) return ok(undefined);
    const { startPodDns } = await import('#app/pod-dns.ts');
    const started = await startPodDns({ dns, network, proxyAddresses: this.#ownAddresses, node, counters, clock, logger, random });
    if (started.ok) this.#dns = started.value;
    return started;
  }

  /** Hands on what comes there, with the port that it is for. The error names the first socket that cannot be used. */
  async openHostSockets(adopt: (socket: Socket, port: number) => void): Promise<string | undefined> {
    const { hostSockets = [] } = this.#options;
    if (hostSockets.length === 0) return undefined;
    const { acceptFrom } = await import('#proxy/capture/host-socket.ts');
    for (const { port, socket: listening } of hostSockets) {
      try {
        this.#hostSockets.push(await acceptFrom(listening, (socket) => adopt(socket, port)));
      } catch (error) {
        return `the socket for port ${port} cannot be used: ${error instanceof Error ? error.message : String(error)}`;
      }
    }
    return undefined;
  }

  /** Connections that are open go on. */
  closeHostSockets(): void {
    for (const hostSocket of this.#hostSockets.splice(0)) hostSocket.close();
  }

  async close(): Promise<void> {
    this.closeHostSockets();
    await this.#dns?.close();
  }
}
