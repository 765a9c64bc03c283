// An xDS server that knows nothing: a test reads each request and writes each response by itself. Made from gRPC and the generated
// messages alone, so that our client is judged by something that shares no code with our server.
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
} from '#envoy/gen/envoy/service/discovery/v3/discovery_pb.js';

const same = (bytes: Buffer) => bytes;
const definition: ServiceDefinition<UntypedServiceImplementation> = {
  deltaAggregatedResources: {
    path: '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
    requestStream: true,
    responseStream: true,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  },
};

export class FakeAdsServer implements AsyncDisposable {
  readonly #server = new Server();
  readonly #requests: DeltaDiscoveryRequest[] = [];
  #waiting: ((request: DeltaDiscoveryRequest) => void) | undefined;
  #call: ServerDuplexStream<Buffer, Buffer> | undefined;
  port = 0;

  static async start(): Promise<FakeAdsServer> {
    const fake = new FakeAdsServer();
    fake.#server.addService(definition, {
      deltaAggregatedResources: (call: ServerDuplexStream<Buffer, Buffer>) => {
        fake.#call = call;
        call.on('error', () => {});
        call.on('data', (bytes: Buffer) => {
          const request = fromBinary(DeltaDiscoveryRequestSchema, bytes);
          if (fake.#waiting === undefined) fake.#requests.push(request);
          else fake.#waiting(request);
          fake.#waiting = undefined;
        });
      },
    });
    fake.port = await new Promise((resolve, reject) => {
      fake.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => (error === null ? resolve(port) : reject(error)));
    });
    return fake;
  }

  /** The next request, of whatever stream. */
  next(): Promise<DeltaDiscoveryRequest> {
    const request = this.#requests.shift();
    if (request !== undefined) return Promise.resolve(request);
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  send(response: MessageInitShape<typeof DeltaDiscoveryResponseSchema>): void {
    this.#call?.write(Buffer.from(toBinary(DeltaDiscoveryResponseSchema, create(DeltaDiscoveryResponseSchema, response))));
  }

  /** Bytes in place of a message. */
  sendBytes(bytes: Uint8Array): void {
    this.#call?.write(Buffer.from(bytes));
  }

  /** Ends the present stream with an error. */
  breakStream(): void {
    this.#call?.emit('error', { code: status.UNAVAILABLE, details: 'broken by the test', metadata: new Metadata() });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
  }
}
