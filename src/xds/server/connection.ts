// One gRPC call: bytes in, bytes out. Decodes requests, learns the node from the first one, and hands the rest to the node's stream.
import { fromBinary } from '@bufbuild/protobuf';
import { status as grpcStatus, Metadata, type ServerDuplexStream } from '@grpc/grpc-js';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/logger.ts';
import { ok, type Result } from '#base/result.ts';
import type { Node } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { DeltaDiscoveryRequestSchema, DiscoveryRequestSchema } from '#envoy/gen/envoy/service/discovery/v3/discovery_pb.js';
import type { ResourceSet } from '#envoy/resource.ts';
import { healthInformation, typeUrls } from '#envoy/type-url.ts';
import type { XdsMode } from '#xds/ads-service.ts';
import type { NodeSource } from '#xds/node-source.ts';
import { isTypeUrl } from '#xds/resource-messages.ts';
import { frameDelta, frameSotw, type Push } from '#xds/server/framing.ts';
import type { Ledger } from '#xds/server/ledger.ts';
import { beginDelta, beginSotw, continueDelta, continueSotw } from '#xds/server/request.ts';
import { NodeStream } from '#xds/server/stream.ts';

export type ConnectionOptions = {
  readonly call: ServerDuplexStream<Buffer, Buffer>;
  readonly source: NodeSource;
  readonly ledger: Ledger;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Of the secure port: whether the node may be the caller's. */
  readonly admission?: Admission;
  /** Whether secrets may go over the call: private keys are for callers that are known, on wires that nobody reads. */
  readonly carriesSecrets: boolean;
};

/** The node with what is proved of the caller that opened the call, or why it is not that caller. */
export type Admission = (node: Node) => Result<Node, string>;

export type Connection = {
  readonly receive: (request: Buffer) => void;
  /** Asks the source again what the node shall have. */
  readonly refresh: () => void;
  readonly end: () => void;
};

export function openSotw(options: ConnectionOptions): Connection {
  const session = new Session('sotw', options);
  const receive = (bytes: Buffer) => {
    const request = fromBinary(DiscoveryRequestSchema, bytes);
    if (request.typeUrl === healthInformation) return session.health(request.node, request.errorDetail?.message);
    const stream = session.streamOf(request.node);
    if (stream === undefined || !isTypeUrl(request.typeUrl)) return;
    stream.receive(
      request.typeUrl,
      (state, desired) => beginSotw(state, request, desired),
      (state) => continueSotw(state, request),
    );
  };
  return { receive: session.guard(receive), refresh: session.guard(() => session.refresh()), end: () => session.end() };
}

export function openDelta(options: ConnectionOptions): Connection {
  const session = new Session('delta', options);
  const receive = (bytes: Buffer) => {
    const request = fromBinary(DeltaDiscoveryRequestSchema, bytes);
    if (request.typeUrl === healthInformation) return session.health(request.node, request.errorDetail?.message);
    const stream = session.streamOf(request.node);
    if (stream === undefined || !isTypeUrl(request.typeUrl)) return;
    stream.receive(
      request.typeUrl,
      (state) => beginDelta(state, request),
      (state) => continueDelta(state, request),
    );
  };
  return { receive: session.guard(receive), refresh: session.guard(() => session.refresh()), end: () => session.end() };
}

/** What both protocols share: the node, its stream, and how a call ends early. */
class Session {
  readonly #mode: XdsMode;
  readonly #options: ConnectionOptions;
  #node: Node | undefined;
  #stream: NodeStream | undefined;
  #ended = false;
  #hasHeaders = false;

  constructor(mode: XdsMode, options: ConnectionOptions) {
    this.#mode = mode;
    this.#options = options;
    options.call.on('drain', () => this.#stream?.resume());
  }

  /** The stream, opened by the first request, which must name the node; undefined when the call was refused. */
  streamOf(claimed: Node | undefined): NodeStream | undefined {
    if (this.#ended || this.#stream !== undefined) return this.#ended ? undefined : this.#stream;
    const node = this.#nodeOf(claimed);
    if (node === undefined) return undefined;
    const resources = this.#resourcesFor(node);
    if (!resources.ok) {
      this.#options.logger.log('warn', 'xDS client refused', { node: node.id, reason: resources.error });
      this.#refuse(grpcStatus.FAILED_PRECONDITION, resources.error);
      return undefined;
    }
    const { call, ledger, logger, clock } = this.#options;
    const frame = this.#mode === 'sotw' ? frameSotw : frameDelta;
    const send = (push: Push) => call.write(frame(push));
    this.#stream = new NodeStream({ nodeId: node.id, mode: this.#mode, ledger, logger, clock, send }, resources.value);
    this.#sendHeaders();
    logger.log('debug', 'xDS client connected', { node: node.id, mode: this.#mode });
    return this.#stream;
  }

  /**
   * The node says that it is well, or what is wrong. This may be all that the call is for: beside an Envoy that has its own, whoever looks after it
   * has one, which takes nobody's record over.
   */
  health(claimed: Node | undefined, reason: string | undefined): void {
    const node = this.#ended ? undefined : this.#nodeOf(claimed);
    if (node === undefined) return;
    this.#sendHeaders();
    this.#options.source.health?.(node, reason === undefined ? { well: true } : { well: false, reason });
  }

  /** Who the call is for, as its first request says; undefined when it was refused. */
  #nodeOf(claimed: Node | undefined): Node | undefined {
    if (this.#node !== undefined) return this.#node;
    if (claimed === undefined || claimed.id === '') {
      this.#refuse(grpcStatus.INVALID_ARGUMENT, 'the first request of a stream must carry the node, with its id');
      return undefined;
    }
    const admitted = this.#options.admission?.(claimed) ?? ok(claimed);
    if (!admitted.ok) {
      this.#options.logger.log('warn', 'xDS client refused', { node: claimed.id, reason: admitted.error });
      this.#refuse(grpcStatus.PERMISSION_DENIED, admitted.error);
      return undefined;
    }
    if (!this.#options.carriesSecrets) admitted.value.metadata = asStranger(admitted.value.metadata);
    this.#node = admitted.value;
    return admitted.value;
  }

  /** At once: a client that comes back and needs nothing would else not know for a long time that it is served. */
  #sendHeaders(): void {
    if (this.#hasHeaders) return;
    this.#hasHeaders = true;
    this.#options.call.sendMetadata(new Metadata());
  }

  /** A failure in serving one client (a request that does not decode, or our own bug) ends its call alone. */
  guard<Arguments extends readonly unknown[]>(run: (...given: Arguments) => void): (...given: Arguments) => void {
    return (...given) => {
      try {
        run(...given);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        this.#options.logger.log('error', 'xDS stream failed', { node: this.#node?.id, reason });
        this.#refuse(grpcStatus.INTERNAL, reason);
      }
    };
  }

  /** A node that is refused now, but was served before, keeps what it has: its pod may be on its way out and still draining. */
  refresh(): void {
    if (this.#stream === undefined || this.#node === undefined) return;
    const resources = this.#resourcesFor(this.#node);
    if (resources.ok) this.#stream.desire(resources.value);
    else this.#options.logger.log('debug', 'xDS client keeps its last state', { node: this.#node.id, reason: resources.error });
  }

  #resourcesFor(node: Node): Result<ResourceSet, string> {
    const found = this.#options.source.resourcesFor(node);
    if (!found.ok || this.#options.carriesSecrets || !found.value.has(typeUrls.secret)) return found;
    if (this.#stream === undefined) {
      this.#options.logger.log('warn', 'xDS client is given no certificates: it must connect to the port with TLS and prove who it is', {
        node: node.id,
      });
    }
    return ok(new Map([...found.value].filter(([typeUrl]) => typeUrl !== typeUrls.secret)));
  }

  end(): void {
    this.#ended = true;
    this.#stream?.end();
    this.#stream = undefined;
  }

  #refuse(code: grpcStatus, details: string): void {
    this.end();
    this.#options.call.emit('error', { code, details, metadata: new Metadata() });
  }
}

/**
 * What is known of a node that came without TLS: it is sent no Secrets, so what needs one is closed, with a finding, and does not wait for it; and
 * nobody gives it an identity, unless it says that somebody else does (HEDDLE_IDENTITY of any other value). An Envoy with nothing but a bootstrap
 * would wait for its certificate for ever.
 */
function asStranger(metadata: Node['metadata']): Node['metadata'] {
  return { HEDDLE_IDENTITY: 'none', ...metadata, HEDDLE_SECRETS: 'none' };
}
