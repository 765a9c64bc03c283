// gRPC through the embedded proxy, HTTP/2 on both sides, by the official client and server.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Client, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { bootstrap, cluster, httpChain, listener, routeTo, upstreamProtocol } from '#test/support/bootstrap-parts.ts';
import { type EmbeddedProxy, startEmbedded } from '#test/support/embedded-proxy.ts';
import { type EchoServer, echoMethods, grpcClient, startGrpcEcho } from '#test/support/grpc-echo.ts';
import { waitUntil } from '#test/support/wait-until.ts';

async function through(run: (client: Client, server: EchoServer, proxy: EmbeddedProxy) => Promise<void>): Promise<void> {
  await using server = await startGrpcEcho();
  await using proxy = await startEmbedded(
    bootstrap([listener('grpc', 0, [httpChain([routeTo('echo')])])], [cluster('echo', server.port, upstreamProtocol('http2'))]),
  );
  using client = grpcClient(proxy.port('grpc'));
  await run(client, server, proxy);
}

type Answer = { readonly error: ServiceError | null; readonly value: Buffer | undefined; readonly trailers: Metadata };
type Unary = typeof echoMethods.unary;

function call(
  client: Client,
  { path, requestSerialize, responseDeserialize }: Unary,
  body: Buffer,
  sent = new Metadata(),
  deadlineMs = 5_000,
): Promise<Answer> {
  return new Promise((resolve) => {
    let error: ServiceError | null = null;
    let value: Buffer | undefined;
    const running = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      body,
      sent,
      { deadline: Date.now() + deadlineMs },
      (failure, answer) => {
        error = failure;
        value = answer;
      },
    );
    running.on('status', ({ metadata }) => setImmediate(() => resolve({ error, value, trailers: metadata })));
  });
}

test('a unary call carries metadata there and trailers back', () =>
  through(async (client) => {
    const sent = new Metadata();
    sent.set('x-sent', 'hello');
    const { error, value, trailers } = await call(client, echoMethods.unary, Buffer.from('ping'), sent);
    assert.equal(error, null);
    assert.equal(value?.toString(), 'ping');
    assert.deepEqual(trailers.get('x-trailer'), ['end']);
    assert.deepEqual(trailers.get('x-seen'), ['hello']);
  }));

test('a client stream is collected, a server stream expanded, whole and in order', () =>
  through(async (client) => {
    const collected = new Promise<Buffer>((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = echoMethods.collect;
      const stream = client.makeClientStreamRequest(path, requestSerialize, responseDeserialize, (error, value) =>
        error === null ? resolve(value ?? Buffer.alloc(0)) : reject(error),
      );
      for (let part = 0; part < 50; part++) stream.write(Buffer.alloc(10_000, part));
      stream.end();
    });
    const bytes = await collected;
    assert.equal(bytes.length, 500_000);
    for (let part = 0; part < 50; part++) assert.equal(bytes[part * 10_000], part);

    const { path, requestSerialize, responseDeserialize } = echoMethods.expand;
    const parts: number[] = [];
    const expanded: AsyncIterable<Buffer> = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, Buffer.from([1, 2, 3, 4, 5]));
    for await (const part of expanded) parts.push(part[0] ?? -1);
    assert.deepEqual(parts, [1, 2, 3, 4, 5]);
  }));

test('both sides of a bidirectional stream talk in turn', () =>
  through(async (client) => {
    const { path, requestSerialize, responseDeserialize } = echoMethods.chat;
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    const heard: string[] = [];
    await new Promise<void>((resolve, reject) => {
      stream.on('error', reject);
      stream.on('data', (part: Buffer) => {
        heard.push(part.toString());
        if (heard.length < 3) stream.write(Buffer.from(String(heard.length)));
        else stream.end();
      });
      stream.on('end', resolve);
      stream.write(Buffer.from('0'));
    });
    assert.deepEqual(heard, ['re:0', 're:1', 're:2']);
  }));

test('an error status comes through with its message', () =>
  through(async (client) => {
    const { error } = await call(client, echoMethods.fail, Buffer.from('x'));
    assert.equal(error?.code, status.FAILED_PRECONDITION);
    assert.equal(error.details, 'not now');
  }));

test('a deadline ends the call on both sides, and so does a cancel', () =>
  through(async (client, server) => {
    const { error } = await call(client, echoMethods.never, Buffer.from('x'), new Metadata(), 100);
    assert.equal(error?.code, status.DEADLINE_EXCEEDED);
    await waitUntil('the server saw the cancel', () => server.cancelled() === 1);
    const { path, requestSerialize, responseDeserialize } = echoMethods.never;
    const code = await new Promise<number>((resolve) => {
      const running = client.makeUnaryRequest(path, requestSerialize, responseDeserialize, Buffer.from('x'), (failure) =>
        resolve(failure?.code ?? -1),
      );
      setImmediate(() => running.cancel());
    });
    assert.equal(code, status.CANCELLED);
  }));

test('a cluster without a server answers UNAVAILABLE', async () => {
  await using proxy = await startEmbedded(
    bootstrap([listener('grpc', 0, [httpChain([routeTo('echo')])])], [cluster('echo', 1, upstreamProtocol('http2'))]),
  );
  using client = grpcClient(proxy.port('grpc'));
  const { error } = await call(client, echoMethods.unary, Buffer.from('x'));
  assert.equal(error?.code, status.UNAVAILABLE);
});

test('draining sends GOAWAY and lets the call under way end', () =>
  through(async (client, _server, proxy) => {
    const { path, requestSerialize, responseDeserialize } = echoMethods.chat;
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    const heard: string[] = [];
    stream.on('data', (part: Buffer) => heard.push(part.toString()));
    stream.write(Buffer.from('before'));
    await waitUntil('the first answer', () => heard.length === 1);
    const closed = proxy.close();
    stream.write(Buffer.from('after'));
    await waitUntil('the second answer', () => heard.length === 2);
    const ended = new Promise((resolve) => stream.on('status', resolve));
    stream.end();
    assert.equal(((await ended) as { readonly code: number }).code, status.OK);
    await closed;
  }));
