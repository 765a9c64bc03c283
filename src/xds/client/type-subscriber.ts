// One type's subscription: turns a response's bytes into a typed update, asks the handler, and turns its answer into the next request.
import type { Logger } from '#base/logger.ts';
import type { Result } from '#base/result.ts';
import type { TypeUrl } from '#envoy/type-url.ts';
import type { XdsMode } from '#xds/ads-service.ts';
import { DeltaExchange } from '#xds/client/delta-exchange.ts';
import type { Exchange, Received } from '#xds/client/exchange.ts';
import { SotwExchange } from '#xds/client/sotw-exchange.ts';
import type { Rejection, UpdateHandler, Wanted } from '#xds/client/update.ts';
import { type ResourceMessages, readResource, shortTypeName } from '#xds/resource-messages.ts';

export class TypeSubscriber {
  readonly exchange: Exchange;
  readonly #take: (received: Received) => readonly Rejection[] | Promise<readonly Rejection[]>;
  readonly #typeUrl: string;
  readonly #logger: Logger;
  #toldOnce = false;
  /** Settles when the handler is done with what a stream brought that may be lost by now. */
  #busy: Promise<void> | undefined;

  private constructor(
    typeUrl: string,
    exchange: Exchange,
    take: (received: Received) => readonly Rejection[] | Promise<readonly Rejection[]>,
    logger: Logger,
  ) {
    this.#typeUrl = typeUrl;
    this.exchange = exchange;
    this.#take = take;
    this.#logger = logger;
  }

  static create<Type extends TypeUrl>(typeUrl: Type, mode: XdsMode, names: Wanted, handler: UpdateHandler<Type>, logger: Logger): TypeSubscriber {
    const exchange = mode === 'sotw' ? new SotwExchange(typeUrl, names) : new DeltaExchange(typeUrl, names);
    return new TypeSubscriber(typeUrl, exchange, (received) => take(typeUrl, received, handler), logger);
  }

  /** The ACK or NACK of a response; a promise where the handler gives one. Throws, or rejects, where the response cannot be read. */
  receive(response: Uint8Array): Uint8Array | Promise<Uint8Array> {
    // Two streams must not bring the same listener at the same time: what is held is known when the handler is done.
    if (this.#busy !== undefined) return this.#busy.then(() => this.receive(response));
    const received = this.exchange.read(response);
    const nothingNew = received.changed.length === 0 && received.removed.length === 0;
    if (nothingNew && this.#toldOnce) return this.exchange.settle(received, []);
    this.#toldOnce = true;
    const rejections = this.#take(received);
    if (!(rejections instanceof Promise)) return this.#settle(received, rejections);
    const answer = rejections.then((list) => this.#settle(received, list));
    const release = () => {
      this.#busy = undefined;
    };
    this.#busy = answer.then(release, release);
    return answer;
  }

  #settle(received: Received, rejections: readonly Rejection[]): Uint8Array {
    for (const { resource, message } of rejections) {
      this.#logger.log('warn', 'xDS resource rejected', { type: shortTypeName(this.#typeUrl), resource, reason: message });
    }
    return this.exchange.settle(received, rejections);
  }
}

/** Decodes, calls the handler with what decoded, and gives all rejections: ours (not decodable) and the handler's. */
function take<Type extends TypeUrl>(
  typeUrl: Type,
  received: Received,
  handler: UpdateHandler<Type>,
): readonly Rejection[] | Promise<readonly Rejection[]> {
  const updated = new Map<string, ResourceMessages[Type]>();
  const undecodable: Rejection[] = [];
  for (const { name, bytes } of received.changed) {
    try {
      updated.set(name, readResource(typeUrl, bytes).message);
    } catch (error) {
      undecodable.push({ resource: name, message: `not a ${shortTypeName(typeUrl)}: ${error instanceof Error ? error.message : String(error)}` });
    }
  }
  const all = (result: Result<void, readonly Rejection[]>) => (result.ok ? undecodable : [...undecodable, ...result.error]);
  // A fault of ours in the handler must not end the program: the server keeps the refusal, and the next update is a new try.
  const failure = (error: unknown): readonly Rejection[] => [
    { message: `internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}` },
  ];
  try {
    const answer = handler({ updated, removed: received.removed });
    return answer instanceof Promise ? answer.then(all, failure) : all(answer);
  } catch (error) {
    return failure(error);
  }
}
