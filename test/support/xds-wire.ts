// An xDS client with no mind of its own: a test says each request and sees each response, so that the server's side of the protocol
// can be judged word for word.
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { Client, type ClientDuplexStream, credentials } from '@grpc/grpc-js';
import { NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '#envoy/gen/envoy/service/discovery/v3/discovery_pb.js';
import { adsService } from '#xds/ads-service.ts';
import { isTypeUrl, readResource } from '#xds/resource-messages.ts';

export const wireNodeId = 'sidecar~127.0.0.1~wire-0.default~default.svc.cluster.local';

/** A response, short: the last word of its type, names with what they carry, and how to answer it. */
export type WireResponse = {
  readonly type: string;
  readonly typeUrl: string;
  readonly names: readonly string[];
  readonly removed: readonly string[];
  readonly version: string;
  readonly nonce: string;
  /** Delta: version by name. */
  readonly versions: Readonly<Record<string, string>>;
};

class WireStream implements Disposable {
  readonly #client: Client;
  readonly call: ClientDuplexStream<Buffer, Buffer>;
  readonly #arrived: WireResponse[] = [];
  #waiting: { resolve: (response: WireResponse) => void; reject: (error: Error) => void } | undefined;
  #error: Error | undefined;
  protected isFirst = true;

  constructor(port: number, method: (typeof adsService)[keyof typeof adsService], read: (bytes: Buffer) => WireResponse) {
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': -1,
    });
    this.call = this.#client.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize);
    this.call.on('data', (bytes: Buffer) => {
      const response = read(bytes);
      if (this.#waiting === undefined) this.#arrived.push(response);
      else this.#waiting.resolve(response);
      this.#waiting = undefined;
    });
    this.call.on('error', (error: Error) => {
      this.#error = error;
      this.#waiting?.reject(error);
      this.#waiting = undefined;
    });
  }

  /** The next response, in the order of the wire. Rejects with the status when the stream has ended. */
  next(): Promise<WireResponse> {
    const arrived = this.#arrived.shift();
    if (arrived !== undefined) return Promise.resolve(arrived);
    if (this.#error !== undefined) return Promise.reject(this.#error);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  [Symbol.dispose](): void {
    this.call.cancel();
    this.#client.close();
  }
}

export class SotwWire extends WireStream {
  constructor(port: number) {
    super(port, adsService.streamAggregatedResources, (bytes) => {
      const { typeUrl, resources, versionInfo, nonce } = fromBinary(DiscoveryResponseSchema, bytes);
      const names = resources.map((any) => (isTypeUrl(any.typeUrl) ? readResource(any.typeUrl, any.value).name : any.typeUrl)).sort();
      return { type: typeUrl.split('.').at(-1) ?? '', typeUrl, names, removed: [], version: versionInfo, nonce, versions: {} };
    });
  }

  send(request: MessageInitShape<typeof DiscoveryRequestSchema>): void {
    const message = create(DiscoveryRequestSchema, request);
    if (this.isFirst) message.node ??= create(NodeSchema, { id: wireNodeId });
    this.isFirst = false;
    this.call.write(Buffer.from(toBinary(DiscoveryRequestSchema, message)));
  }

  ack({ typeUrl, version, nonce }: WireResponse, resourceNames: string[] = []): void {
    this.send({ typeUrl, versionInfo: version, responseNonce: nonce, resourceNames });
  }

  nack({ typeUrl, nonce }: WireResponse, message: string, acceptedVersion = '', resourceNames: string[] = []): void {
    this.send({ typeUrl, versionInfo: acceptedVersion, responseNonce: nonce, resourceNames, errorDetail: { code: 3, message } });
  }
}

export class DeltaWire extends WireStream {
  constructor(port: number) {
    super(port, adsService.deltaAggregatedResources, (bytes) => {
      const { typeUrl, resources, removedResources, systemVersionInfo, nonce } = fromBinary(DeltaDiscoveryResponseSchema, bytes);
      return {
        type: typeUrl.split('.').at(-1) ?? '',
        typeUrl,
        names: resources.map(({ name }) => name).sort(),
        removed: [...removedResources].sort(),
        version: systemVersionInfo,
        nonce,
        versions: Object.fromEntries(resources.map(({ name, version }) => [name, version])),
      };
    });
  }

  send(request: MessageInitShape<typeof DeltaDiscoveryRequestSchema>): void {
    const message = create(DeltaDiscoveryRequestSchema, request);
    if (this.isFirst) message.node ??= create(NodeSchema, { id: wireNodeId });
    this.isFirst = false;
    this.call.write(Buffer.from(toBinary(DeltaDiscoveryRequestSchema, message)));
  }

  ack({ typeUrl, nonce }: WireResponse): void {
    this.send({ typeUrl, responseNonce: nonce });
  }

  nack({ typeUrl, nonce }: WireResponse, message: string): void {
    this.send({ typeUrl, responseNonce: nonce, errorDetail: { code: 3, message } });
  }
}
