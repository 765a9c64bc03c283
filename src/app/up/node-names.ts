// The DNS of the node of a network of its own, where a cluster has one too: it knows the mesh's Services for everybody, and asks the host for other names
// where something may leave the mesh.
import type { HostLink } from '#app/up/host-link.ts';
import type { Egress } from '#app/up/host-protocol.ts';
import type { MeshNames } from '#app/up/place.ts';
import type { Clock } from '#base/clock.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { RunningDns } from '#dns/start-dns.ts';
import type { AskUpstream } from '#dns/upstream.ts';

export type NodeNamesOptions = {
  readonly link: Pick<HostLink, 'resolve'>;
  readonly egress: Egress;
  readonly domain: string;
  /** Of the node. */
  readonly address: string;
  readonly clock: Clock;
  readonly random: () => number;
};

export class NodeNames implements AsyncDisposable {
  readonly #options: NodeNamesOptions;
  #dns: RunningDns | undefined;
  #unsubscribe = (): void => {};

  constructor(options: NodeNamesOptions) {
    this.#options = options;
  }

  /** The failure is a port that cannot be had. */
  async serve(names: MeshNames): Promise<Result<undefined, Diagnostic>> {
    const { link, egress, address, domain, clock, random } = this.#options;
    const [{ startNodeDns }, { Counters }] = await Promise.all([import('#dns/start-node-dns.ts'), import('#telemetry/counters.ts')]);
    const ask: AskUpstream = async (query, transport) => {
      const answer = await link.resolve(query, transport);
      return answer.ok ? Buffer.from(answer.value) : undefined;
    };
    const outside = egress === 'host' ? { ask } : {};
    const started = await startNodeDns({ listen: { address, port: 53 }, domain, ...outside, counters: new Counters(), clock, random });
    if (!started.ok) return failed({ code: 'HDL0041', severity: 'error', message: `pods have no DNS: ${started.error}` });
    const dns = started.value;
    this.#dns = dns;
    let table = names.current();
    dns.setTable(table);
    this.#unsubscribe = names.onChange(() => {
      const next = names.current();
      if (next !== table) dns.setTable(next);
      table = next;
    });
    return ok(undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unsubscribe();
    const dns = this.#dns;
    // Whoever insists ends what is being ended already.
    this.#dns = undefined;
    await dns?.close();
  }
}
