// External authorisers for tests, one that speaks Envoy's gRPC service and one that speaks HTTP: they answer as they are told, and keep what they
// were asked.
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fromBinary, fromJson, type JsonObject, toBinary, toJson } from '@bufbuild/protobuf';
import { type Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { CheckRequestSchema, CheckResponseSchema } from '#envoy/gen/envoy/service/auth/v3/external_auth_pb.js';

/** `hang`: never; `garbage`: bytes that are no message; `fail`: a gRPC status that is none of the service's own. */
export type GrpcAnswer = JsonObject | 'hang' | 'garbage' | 'fail';

export type GrpcAuthorizer = AsyncDisposable & {
  readonly port: number;
  /** CheckRequests in Envoy's JSON, with Envoy's field names, in order. */
  readonly asked: JsonObject[];
};

type Done = (error: { readonly code: number; readonly details: string } | null, value?: Uint8Array) => void;

/** `answer` is asked with the request's path. */
export async function startGrpcAuthorizer(answer: (path: string) => GrpcAnswer): Promise<GrpcAuthorizer> {
  const asked: JsonObject[] = [];
  const server = new Server();
  const same = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
  const plain = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
  server.addService(
    { check: { path: '/envoy.service.auth.v3.Authorization/Check', requestStream: false, responseStream: false, ...plain } },
    {
      check: (call: { readonly request: Buffer; readonly metadata: Metadata }, done: Done) => {
        const request = fromBinary(CheckRequestSchema, call.request);
        // A message is an object in JSON.
        const message = toJson(CheckRequestSchema, request, { useProtoFieldName: true }) as JsonObject;
        asked.push({ ...message, call: call.metadata.toJSON() as JsonObject });
        const found = answer(request.attributes?.request?.http?.path ?? '');
        if (found === 'hang') return;
        if (found === 'garbage') done(null, Buffer.from('nonsense'));
        else if (found === 'fail') done({ code: status.INTERNAL, details: 'broken' });
        else done(null, toBinary(CheckResponseSchema, fromJson(CheckResponseSchema, found)));
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  return { port, asked, [Symbol.asyncDispose]: async () => server.forceShutdown() };
}

/** `raw`: what stands on the wire, after which the connection ends unless it `stays`. */
export type RawAnswer = { readonly raw: string; readonly stays?: true };

export type HttpAnswered = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
};
export type HttpAsked = { readonly method: string; readonly path: string; readonly headers: Readonly<Record<string, string>>; readonly body: string };
export type HttpAuthorizer = AsyncDisposable & { readonly port: number; readonly asked: HttpAsked[] };

export async function startHttpAuthorizer(answer: (path: string) => HttpAnswered | RawAnswer | 'hang'): Promise<HttpAuthorizer> {
  const asked: HttpAsked[] = [];
  const server = createServer((request, response) => {
    void readAll(request).then((body) => {
      const headers = Object.fromEntries(Object.entries(request.headersDistinct).map(([name, values]) => [name, (values ?? []).join(',')]));
      asked.push({ method: request.method ?? '', path: request.url ?? '', headers, body });
      const found = answer(request.url ?? '');
      if (found === 'hang') return;
      if ('raw' in found) {
        response.socket?.write(found.raw);
        if (found.stays !== true) response.socket?.end();
        return;
      }
      response.writeHead(found.status, Object.fromEntries(Object.entries(found.headers ?? {}).map(([name, value]) => [name, [value].flat()])));
      response.end(found.body);
    });
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)); // it listens on TCP
  });
  return {
    port,
    asked,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readAll(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += String(chunk);
  return body;
}
