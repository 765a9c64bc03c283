// The name server behind its sockets: a message in, the answer out, now or once others have been asked. Keeps the last table: a control plane that
// is gone takes no name with it.
import { decode, encode } from 'dns-packet';
import type { Clock } from '#base/clock.ts';
import { type Answer, type AnswerContext, answer } from '#dns/answer.ts';
import type { DnsCounters } from '#dns/dns-counters.ts';
import type { DnsClient } from '#dns/lookup.ts';
import { NameIndex } from '#dns/name-index.ts';
import { rcodes } from '#dns/query.ts';
import { type Reply, reasons, respond, type Transport } from '#dns/response.ts';
import type { AskUpstream } from '#dns/upstream.ts';
import type { NameTable } from '#envoy/gen/istio/networking/nds/v1/nds_pb.js';

export type ResolverOptions = {
  readonly client: DnsClient;
  readonly ownDomain?: string;
  /** Undefined: nobody else is asked, and names that the table does not have are none. */
  readonly ask?: AskUpstream;
  readonly counters: DnsCounters;
  readonly clock: Clock;
  readonly random: () => number;
};

/** How long questions wait for the first table, and how many. Clients ask again after 5 s. */
const firstTableMs = 2_000;
const mostWaiting = 1_000;

export class Resolver {
  readonly #options: ResolverOptions;
  #index: NameIndex | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  get index(): NameIndex | undefined {
    return this.#index;
  }

  setTable(table: NameTable): void {
    this.#index = new NameIndex(table);
    for (const go of this.#waiting) go();
  }

  /** Undefined: no answer is due. */
  resolve(message: Buffer, transport: Transport): Buffer | undefined | Promise<Buffer | undefined> {
    this.#options.counters.requests.value++;
    if (this.#index === undefined && this.#waiting.size < mostWaiting) return this.#firstTable().then(() => this.#answer(message, transport));
    return this.#answer(message, transport);
  }

  /** Differs from Istio, which fails at once: an app that starts with its proxy need not try again. */
  #firstTable(): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        cancel();
        this.#waiting.delete(go);
        resolve();
      };
      const cancel = this.#options.clock.after(firstTableMs, go);
      this.#waiting.add(go);
    });
  }

  #answer(message: Buffer, transport: Transport): Buffer | undefined | Promise<Buffer> {
    const { client, ownDomain, random } = this.#options;
    const context: AnswerContext = { index: this.#index, client, transport, random, ...(ownDomain !== undefined && { ownDomain }) };
    const given = answer(message, context);
    switch (given.kind) {
      case 'ignore':
        return undefined;
      case 'respond':
        return given.bytes;
      case 'forward':
        return this.#options.ask === undefined ? given.instead : this.#forward(message, transport, given);
      case 'chase':
        return this.#options.ask === undefined ? given.with(rcodes.noError, []) : this.#chase(given);
    }
  }

  async #forward(message: Buffer, transport: Transport, { exists, instead }: Forward): Promise<Buffer> {
    const found = await this.#ask(message, transport);
    if (found === undefined) return failure(message, transport);
    // Whoever is told that there is no such name need not ask for its address any more.
    return exists && (found.readUInt8(3) & 15) === rcodes.nameError ? instead : found;
  }

  /** The answer about another name; its records are taken over, as stub resolvers do not ask again. */
  async #chase(chase: Extract<Answer, { readonly kind: 'chase' }>): Promise<Buffer> {
    const { bytes, type, questionEnd } = chase.query;
    const asked = encode({ type: 'query', id: bytes.readUInt16BE(0), flags: 0x0100, questions: [{ type: 'A', name: chase.target }] });
    asked.writeUInt16BE(type, asked.length - 4);
    bytes.copy(asked, asked.length - 2, questionEnd - 2, questionEnd);
    const found = await this.#ask(asked, 'tcp');
    if (found === undefined) return chase.with(rcodes.serverFailure, []);
    return chase.with(found.readUInt8(3) & 15, recordsIn(found));
  }

  async #ask(message: Buffer, transport: Transport): Promise<Buffer | undefined> {
    const { ask, counters, clock } = this.#options;
    const beganMs = clock.monotonicMs();
    counters.upstreamRequests.value++;
    const found = await ask?.(message, transport);
    if (found === undefined) counters.upstreamFailures.value++;
    counters.upstreamCount.value++;
    counters.upstreamSeconds.value += (clock.monotonicMs() - beganMs) / 1000;
    return found;
  }
}

type Forward = Extract<Answer, { readonly kind: 'forward' }>;

const unreachable: Reply = {
  rcode: rcodes.serverFailure,
  reason: { code: reasons.noReachableAuthority, text: 'no name server outside the mesh answers' },
};

/** What could be asked elsewhere was read before, so it has a question. */
function failure(message: Buffer, transport: Transport): Buffer {
  let end = 12;
  for (let length = message[end] ?? 0; length !== 0; length = message[end] ?? 0) end += length + 1;
  const hasEdns = message.readUInt16BE(10) > 0;
  return respond(message, end + 5, hasEdns ? { udpSize: 512, dnssecOk: false } : undefined, transport, unreachable);
}

/** Each record by itself, with whole names; none where the answer cannot be read. */
function recordsIn(bytes: Buffer): readonly Uint8Array[] {
  try {
    return (decode(bytes).answers ?? []).map((record) => new Uint8Array(encode({ type: 'response', answers: [record] }).subarray(12)));
  } catch {
    return [];
  }
}
