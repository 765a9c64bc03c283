// An xDS client for any server: one aggregated stream, delta or state of the world, kept alive for as long as the client lives.
// Subscribers get typed updates one after the other, in the order of the stream; their answers become ACKs and NACKs.

import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { Client, type ClientDuplexStream, credentials, Metadata } from '@grpc/grpc-js';
import type { Clock } from '#base/clock.ts';
import { connectionFailure } from '#base/connection-failure.ts';
import type { Logger } from '#base/logger.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { Node } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { DeltaDiscoveryRequestSchema, DiscoveryRequestSchema } from '#envoy/gen/envoy/service/discovery/v3/discovery_pb.js';
import { healthInformation, type TypeUrl } from '#envoy/type-url.ts';
import { adsService, type XdsMode } from '#xds/ads-service.ts';
import { reconnectDelayMs } from '#xds/client/backoff.ts';
import { secretService } from '#xds/client/secret-service.ts';
import { TypeSubscriber } from '#xds/client/type-subscriber.ts';
import type { Subscription, UpdateHandler, Wanted } from '#xds/client/update.ts';

export type AdsClientOptions = {
  /** `host:port`, or a `unix:` path, as gRPC takes it. */
  readonly target: string;
  /** Who we are; sent in the first request of each stream. */
  readonly node: Node;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Delta unless said otherwise. */
  readonly mode?: XdsMode;
  /** A number in [0, 1), for the jitter of reconnects. */
  readonly random?: () => number;
  /**
   * Asked for each stream: the connection to make it on, in place of a plain one to `target`, and what says who we are. The connection stays the
   * caller's. The error says why there is none now.
   */
  readonly way?: () => Result<{ readonly client: Client; readonly metadata: Metadata }, string>;
  /** `secrets`: the discovery service of secrets alone, which knows the one type. */
  readonly service?: 'aggregated' | 'secrets';
};

/** Whether a stream is open; `failure` says why not. */
export type ConnectionState = { readonly connected: boolean; readonly failure?: string };

const channelOptions = {
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 1_000,
  // A shared subchannel would share its back-off with clients of other owners.
  'grpc.use_local_subchannel_pool': 1,
  // HTTP_PROXY in a workload's environment is meant for the workload, not for the mesh.
  'grpc.enable_http_proxy': 0,
};

/** A stream that lived this long was fine: the next one is tried for at once. */
const steadyAfterMs = 1_000;

/** gRPC's status code of a workload that says it is not well. */
const unavailable = 14;

type Stream = ClientDuplexStream<Buffer, Buffer>;

export class AdsClient implements AsyncDisposable {
  readonly #options: AdsClientOptions;
  readonly #client: Client | undefined;
  readonly #subscribers = new Map<string, TypeSubscriber>();
  readonly #stateListeners = new Set<(state: ConnectionState) => void>();
  #stream: Stream | undefined;
  #sentNode = false;
  #failures = 0;
  #openedMs = 0;
  #cancelRetry: (() => void) | undefined;
  #closed = false;
  #health: Uint8Array | undefined;
  #state: ConnectionState = { connected: false };

  constructor(options: AdsClientOptions) {
    this.#options = options;
    if (options.way === undefined) this.#client = new Client(options.target, credentials.createInsecure(), channelOptions);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Calls `listener` when the stream opens (the server has answered) or is lost; the returned function ends that. */
  onStateChange(listener: (state: ConnectionState) => void): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  /** Asks for resources of a type, now and on every later stream. The first subscription opens the stream. Throws on a second one for a type. */
  subscribe<Type extends TypeUrl>(typeUrl: Type, names: Wanted, handler: UpdateHandler<Type>): Subscription {
    if (this.#subscribers.has(typeUrl)) throw new Error(`already subscribed to ${typeUrl}`);
    const subscriber = TypeSubscriber.create(typeUrl, this.#options.mode ?? 'delta', names, handler, this.#options.logger);
    this.#subscribers.set(typeUrl, subscriber);
    if (this.#stream === undefined) this.#connectSoon();
    else this.#write(this.#stream, subscriber.exchange.open());
    return {
      want: (next) => this.#write(this.#stream, subscriber.exchange.want(next)),
      close: () => {
        this.#write(this.#stream, subscriber.exchange.want([]));
        this.#subscribers.delete(typeUrl);
      },
    };
  }

  /**
   * Says to the server, now and on every later stream, that this workload is well, or with `reason` why it is not (Istio's HealthInformation). Opens
   * the stream where nothing was subscribed to.
   */
  reportHealth(reason?: string): void {
    const message = { typeUrl: healthInformation, ...(reason !== undefined && { errorDetail: { code: unavailable, message: reason } }) };
    this.#health =
      this.#options.mode === 'sotw'
        ? toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, message))
        : toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, message));
    if (this.#stream === undefined) this.#connectSoon();
    else this.#write(this.#stream, this.#health);
  }

  /** Ends the stream and the connection; no handler is called after this. */
  close(): void {
    this.#closed = true;
    this.#cancelRetry?.();
    this.#stream?.cancel();
    this.#stream = undefined;
    this.#client?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** Subscriptions made in the same turn travel in the first requests of one stream, in the order in which they were made. */
  #connectSoon(): void {
    if (this.#cancelRetry !== undefined || this.#closed) return;
    this.#cancelRetry = this.#options.clock.after(reconnectDelayMs(this.#failures, this.#options.random ?? Math.random), () => {
      this.#cancelRetry = undefined;
      if (!this.#closed) this.#connect();
    });
  }

  #connect(): void {
    const { path, requestSerialize, responseDeserialize } = methodOf(this.#options);
    const way = this.#way();
    if (!way.ok) return this.#unreachable(way.error);
    const stream = way.value.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, way.value.metadata);
    this.#stream = stream;
    this.#sentNode = false;
    // A server that has nothing new for us may answer with headers alone.
    stream.on('metadata', () => this.#opened(stream));
    stream.on('data', (response: Buffer) => this.#receive(stream, response));
    stream.on('error', (error: Error) => this.#lost(stream, connectionFailure(error.message)));
    stream.on('end', () => this.#lost(stream, 'the server ended the stream'));
    for (const subscriber of this.#subscribers.values()) this.#write(stream, subscriber.exchange.open());
    // Behind the others, by which the server knows of the workload at all.
    this.#write(stream, this.#health);
  }

  #way(): Result<{ readonly client: Client; readonly metadata: Metadata }, string> {
    if (this.#client !== undefined) return ok({ client: this.#client, metadata: new Metadata() });
    try {
      return this.#options.way?.() ?? failed('closed');
    } catch (error) {
      // Roots that are half written are roots again a moment later.
      return failed(error instanceof Error ? error.message : String(error));
    }
  }

  #write(stream: Stream | undefined, request: Uint8Array | undefined): void {
    if (stream === undefined || stream !== this.#stream || request === undefined) return;
    if (this.#sentNode) {
      stream.write(Buffer.from(request.buffer, request.byteOffset, request.byteLength));
    } else {
      this.#sentNode = true;
      stream.write(Buffer.concat([this.#nodeField(), request]));
    }
  }

  /** A request with nothing but the node. Written before another request's bytes, it becomes part of it: protobuf merges what follows. */
  #nodeField(): Uint8Array {
    const { mode, node } = this.#options;
    return mode === 'sotw'
      ? toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, { node }))
      : toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, { node }));
  }

  #receive(stream: Stream, response: Buffer): void {
    if (stream !== this.#stream) return;
    this.#opened(stream);
    try {
      this.#answer(stream, response);
    } catch (error) {
      this.#giveUp(stream, `a response cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #answer(stream: Stream, response: Buffer): void {
    const typeUrl = typeUrlOf(response);
    const subscriber = this.#subscribers.get(typeUrl);
    if (subscriber === undefined) {
      this.#options.logger.log('debug', 'xDS response of a type nobody asked for', { type: typeUrl });
      return;
    }
    const answer = subscriber.receive(response);
    if (!(answer instanceof Promise)) {
      this.#write(stream, answer);
      return;
    }
    // What comes after this response may build on it, so the stream stands still until it is taken.
    stream.pause();
    answer.then(
      (request) => {
        this.#write(stream, request);
        stream.resume();
      },
      (error: unknown) => this.#giveUp(stream, `a response cannot be read: ${error instanceof Error ? error.message : String(error)}`),
    );
  }

  /** What a server says that cannot be read is no reason to end: the next stream begins anew with what is held. */
  #giveUp(stream: Stream, reason: string): void {
    this.#lost(stream, reason);
    stream.cancel();
  }

  #opened(stream: Stream): void {
    if (stream !== this.#stream || this.#state.connected) return;
    this.#openedMs = this.#options.clock.monotonicMs();
    if (this.#failures > 0) this.#options.logger.log('info', 'xDS stream open again', { target: this.#options.target });
    this.#setState({ connected: true });
  }

  #lost(stream: Stream, reason: string): void {
    if (stream !== this.#stream) return;
    this.#stream = undefined;
    if (this.#closed) return;
    // A stream that opens and breaks at once, again and again, must not be hammered.
    if (this.#state.connected && this.#options.clock.monotonicMs() - this.#openedMs >= steadyAfterMs) this.#failures = 0;
    this.#unreachable(reason);
  }

  #unreachable(reason: string): void {
    const level = this.#failures === 0 ? 'warn' : 'debug';
    this.#options.logger.log(level, 'xDS stream lost, reconnecting', { target: this.#options.target, reason });
    this.#setState({ connected: false, failure: reason });
    this.#connectSoon();
    this.#failures += 1;
  }

  #setState(state: ConnectionState): void {
    this.#state = state;
    for (const listener of this.#stateListeners) listener(state);
  }
}

function methodOf({ service, mode }: AdsClientOptions) {
  if (service === 'secrets') return mode === 'sotw' ? secretService.streamSecrets : secretService.deltaSecrets;
  return mode === 'sotw' ? adsService.streamAggregatedResources : adsService.deltaAggregatedResources;
}

/** Both kinds of response carry the type in field 4; the rest differs, so nothing else is read here. */
function typeUrlOf(response: Buffer): string {
  const reader = new BinaryReader(response);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 4 && wireType === WireType.LengthDelimited) return reader.string();
    reader.skip(wireType, field);
  }
  return '';
}
