// A gRPC service of bytes by @grpc/grpc-js, server and client: all four kinds of call, trailers, error statuses. Stands for any real gRPC peer.
import { Client, credentials, Metadata, type MethodDefinition, Server, ServerCredentials, status } from '@grpc/grpc-js';

const same = (bytes: Buffer): Buffer => bytes;

function method(name: string, requestStream: boolean, responseStream: boolean): MethodDefinition<Buffer, Buffer> {
  return {
    path: `/test.Echo/${name}`,
    requestStream,
    responseStream,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

export const echoMethods = {
  unary: method('Unary', false, false),
  collect: method('Collect', true, false),
  expand: method('Expand', false, true),
  chat: method('Chat', true, true),
  fail: method('Fail', false, false),
  never: method('Never', false, false),
  flaky: method('Flaky', false, false),
};

export type EchoServer = AsyncDisposable & {
  readonly port: number;
  /** Calls of `never` that the client gave up. */
  readonly cancelled: () => number;
};

export async function startGrpcEcho(): Promise<EchoServer> {
  const server = new Server();
  let cancelled = 0;
  let asked = 0;
  server.addService(echoMethods, {
    unary: (call: { request: Buffer; metadata: Metadata }, done: Done) => {
      const trailers = new Metadata();
      trailers.set('x-trailer', 'end');
      trailers.set('x-seen', String(call.metadata.get('x-sent')[0] ?? 'nothing'));
      done(null, call.request, trailers);
    },
    collect: (call: AsyncIterable<Buffer>, done: Done) => {
      void (async () => {
        const parts: Buffer[] = [];
        for await (const part of call) parts.push(part);
        done(null, Buffer.concat(parts));
      })();
    },
    expand: (call: { request: Buffer; write: (part: Buffer) => void; end: () => void }) => {
      for (const byte of call.request) call.write(Buffer.alloc(20_000, byte));
      call.end();
    },
    chat: (call: { on: (event: string, run: (part: Buffer) => void) => void; write: (part: Buffer) => void; end: () => void }) => {
      call.on('data', (part) => call.write(Buffer.concat([Buffer.from('re:'), part])));
      call.on('end', () => call.end());
    },
    fail: (_call: unknown, done: Done) => done({ code: status.FAILED_PRECONDITION, details: 'not now' }),
    // Two times out of three it is not available.
    flaky: (call: { request: Buffer }, done: Done) => {
      asked++;
      if (asked % 3 === 0) done(null, call.request);
      else done({ code: status.UNAVAILABLE, details: 'come again' });
    },
    never: (call: { on: (event: string, run: () => void) => void }) => call.on('cancelled', () => cancelled++),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  return { port, cancelled: () => cancelled, [Symbol.asyncDispose]: async () => server.forceShutdown() };
}

type Done = (error: { readonly code: number; readonly details: string } | null, value?: Buffer, trailers?: Metadata) => void;

export function grpcClient(port: number): Client & Disposable {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), { 'grpc.enable_http_proxy': 0, 'grpc.use_local_subchannel_pool': 1 });
  return Object.assign(client, { [Symbol.dispose]: () => client.close() });
}

export type OpenChat = { readonly say: (text: string) => Promise<string>; readonly end: () => Promise<number> };

/** A stream that is open until `end`, which gives its gRPC status. */
export function openChat(client: ReturnType<typeof grpcClient>): OpenChat {
  const { path, requestSerialize, responseDeserialize } = echoMethods.chat;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  const ended = new Promise<number>((resolve) => call.on('status', ({ code }) => resolve(code)));
  const broken = new Promise<never>((_resolve, reject) => call.on('error', reject));
  broken.catch(() => {});
  return {
    say: (text) => {
      const answer = new Promise<string>((resolve) => call.once('data', (part: Buffer) => resolve(String(part))));
      call.write(Buffer.from(text));
      return Promise.race([answer, broken]);
    },
    end: () => {
      call.end();
      return ended;
    },
  };
}
