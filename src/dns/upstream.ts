// Name servers outside the mesh: a question's bytes in, the answer's bytes out, or undefined where none of them answers in time. Servers are tried one
// after the other, beginning with the one that answered last. Questions travel under numbers of our own, and only what answers them is taken.
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/logger.ts';
import type { Transport } from '#dns/response.ts';
import type { ServerAddress } from '#dns/upstream-answer.ts';
import { askByTcp } from '#dns/upstream-tcp.ts';
import { UdpUpstream } from '#dns/upstream-udp.ts';

/** Asks elsewhere. Never rejects. */
export type AskUpstream = (query: Buffer, transport: Transport) => Promise<Buffer | undefined>;

export type UpstreamOptions = {
  readonly servers: readonly ServerAddress[];
  /** The addresses that questions are sent from, at most one of each family; any where there is none. */
  readonly bindSources?: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** A number below 65536 that nobody can foresee. */
  readonly randomId: () => number;
  /** How long one server has; 2 s unless given, as clients give up after 5 s. */
  readonly timeoutMs?: number;
};

/** Questions under way at a time; more are not asked at all, as when questions come back to where they are from. */
const mostUnderWay = 4096;
const serverFailure = 2;
const refused = 5;

export class Upstreams {
  readonly #options: UpstreamOptions;
  readonly #servers: readonly UdpUpstream[];
  #preferred = 0;
  #underWay = 0;

  constructor(options: UpstreamOptions) {
    const { servers, clock, randomId, timeoutMs = 2_000 } = options;
    this.#options = options;
    this.#servers = servers.map((server) => new UdpUpstream({ ...this.#sourceFor(server), server, clock, randomId, timeoutMs }));
  }

  /** Over TCP only what did not fit by UDP, and for clients that came by TCP; the others try again that way themselves. */
  readonly ask: AskUpstream = async (query, transport) => {
    if (this.#underWay >= mostUnderWay) return undefined;
    this.#underWay++;
    try {
      return await this.#askEach(query, transport);
    } finally {
      this.#underWay--;
    }
  };

  close(): void {
    for (const server of this.#servers) server.close();
  }

  async #askEach(query: Buffer, transport: Transport): Promise<Buffer | undefined> {
    let failure: Buffer | undefined;
    for (let tries = 0; tries < this.#servers.length; tries++) {
      const index = (this.#preferred + tries) % this.#servers.length;
      const answer = await this.#askOne(index, query, transport);
      if (answer === undefined) continue;
      // What one server fails at, the next one may know.
      const rcode = answer.readUInt8(3) & 15;
      if (rcode !== serverFailure && rcode !== refused) {
        this.#preferred = index;
        return answer;
      }
      failure ??= answer;
    }
    return failure;
  }

  async #askOne(index: number, query: Buffer, transport: Transport): Promise<Buffer | undefined> {
    const server = this.#servers[index];
    if (server === undefined) return undefined;
    const answer = await server.ask(query);
    if (!answer.ok) {
      this.#options.logger.log('debug', 'name server does not answer', { server: formatServer(server.server), reason: answer.error });
      return undefined;
    }
    if (transport === 'udp' || !isTruncated(answer.value)) return answer.value;
    const { clock, timeoutMs = 2_000 } = this.#options;
    const whole = await askByTcp(query, { ...this.#sourceFor(server.server), server: server.server, clock, timeoutMs });
    return whole.ok ? whole.value : answer.value;
  }

  #sourceFor({ address }: ServerAddress): { readonly bindSource?: string } {
    const bindSource = this.#options.bindSources?.find((one) => one.includes(':') === address.includes(':'));
    return bindSource === undefined ? {} : { bindSource };
  }
}

function isTruncated(answer: Buffer): boolean {
  return (answer.readUInt8(2) & 2) !== 0;
}

function formatServer({ address, port }: ServerAddress): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
