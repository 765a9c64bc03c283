// Who is given secrets, and how they are renewed: by name over the stream that all else comes by, to callers on this machine where there is no
// better port, and to nobody without TLS where there is one.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ServerCredentials } from '@grpc/grpc-js';
import { systemClock } from '#base/clock.ts';
import type { Logger } from '#base/logger.ts';
import { failed } from '#base/result.ts';
import { create } from '#envoy/create.ts';
import { SecretSchema } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { XdsResource } from '#envoy/resource.ts';
import { typeUrls } from '#envoy/type-url.ts';
import { MemoryNodeSource } from '#test/support/memory-node-source.ts';
import { DeltaWire, SotwWire } from '#test/support/xds-wire.ts';
import { startXdsServer } from '#xds/server/server.ts';

const limit = { timeout: 5000 };
const keyText = 'the key itself';

function secret(name: string, key: string): XdsResource {
  const text = (value: string) => ({ specifier: { case: 'inlineString' as const, value } });
  const message = create(SecretSchema, { name, type: { case: 'tlsCertificate', value: { certificateChain: text('chain'), privateKey: text(key) } } });
  return new XdsResource(typeUrls.secret, name, SecretSchema, message);
}

async function serve(source: MemoryNodeSource, plain: 'trusted' | 'not trusted' | 'beside a secure port') {
  const lines: string[] = [];
  const logger: Logger = { log: (level, message, fields = {}) => void lines.push(`${level} ${message} ${JSON.stringify(fields)}`) };
  const secure = {
    address: '127.0.0.1',
    port: 0,
    credentials: ServerCredentials.createInsecure(),
    admit: () => Promise.resolve(failed('nobody')),
    services: [],
  };
  const options = { source, address: '127.0.0.1', port: 0, logger, clock: systemClock };
  const started = await startXdsServer({
    ...options,
    ...(plain === 'trusted' && { plainCarriesSecrets: true }),
    ...(plain === 'beside a secure port' && { secure }),
  });
  if (!started.ok) throw new Error(started.error.reason);
  const { port, ledger, close } = started.value;
  return { port, ledger, lines, [Symbol.asyncDispose]: close };
}

function sourceOf(...resources: readonly XdsResource[]): MemoryNodeSource {
  const source = new MemoryNodeSource();
  source.replace(resources);
  return source;
}

const typeUrl = typeUrls.secret;

suite('secrets on the wire', () => {
  test('delta: those that are asked for by name, and the one that is renewed', limit, async () => {
    const other = secret('kubernetes://other', keyText);
    const source = sourceOf(secret('kubernetes://shop', keyText), other);
    await using server = await serve(source, 'trusted');
    using wire = new DeltaWire(server.port);
    wire.send({ typeUrl, resourceNamesSubscribe: ['kubernetes://shop', 'kubernetes://gone'] });
    const first = await wire.next();
    assert.deepEqual([first.names, first.removed], [['kubernetes://shop'], ['kubernetes://gone']]);
    wire.ack(first);
    source.replace([secret('kubernetes://shop', 'another key'), other]);
    const second = await wire.next();
    assert.deepEqual([second.names, second.removed], [['kubernetes://shop'], []]);
    assert.notEqual(second.versions['kubernetes://shop'], first.versions['kubernetes://shop']);
  });

  test('state of the world: the same', limit, async () => {
    const source = sourceOf(secret('kubernetes://shop', keyText), secret('kubernetes://other', keyText));
    await using server = await serve(source, 'trusted');
    using wire = new SotwWire(server.port);
    wire.send({ typeUrl, resourceNames: ['kubernetes://shop'] });
    const first = await wire.next();
    assert.deepEqual(first.names, ['kubernetes://shop']);
    wire.ack(first, ['kubernetes://shop']);
    source.replace([secret('kubernetes://shop', 'another key'), secret('kubernetes://other', keyText)]);
    assert.deepEqual((await wire.next()).names, ['kubernetes://shop']);
  });

  for (const plain of ['not trusted', 'beside a secure port'] as const) {
    test(plain === 'not trusted' ? 'without TLS there are none, and the log says where they are' : 'nor beside a port with TLS', limit, async () => {
      await using server = await serve(sourceOf(secret('kubernetes://shop', keyText)), plain);
      using delta = new DeltaWire(server.port);
      delta.send({ typeUrl, resourceNamesSubscribe: ['kubernetes://shop', '*'] });
      const answer = await delta.next();
      assert.deepEqual([answer.names, answer.removed], [[], ['kubernetes://shop']]);
      using sotw = new SotwWire(server.port);
      sotw.send({ typeUrl, resourceNames: ['kubernetes://shop'] });
      assert.deepEqual((await sotw.next()).names, []);
      assert.ok(
        server.lines.some((line) => line.startsWith('warn xDS client is given no certificates')),
        server.lines.join('\n'),
      );
    });
  }

  test('neither the log nor the ledger says a word of a key, also when a client refuses it', limit, async () => {
    await using server = await serve(sourceOf(secret('kubernetes://shop', keyText)), 'trusted');
    using wire = new DeltaWire(server.port);
    wire.send({ typeUrl, resourceNamesSubscribe: ['kubernetes://shop'] });
    const heard = new Promise((resolve) => server.ledger.onNack(resolve));
    wire.nack(await wire.next(), 'kubernetes://shop: I do not like it');
    await heard;
    const said = JSON.stringify([server.lines, server.ledger.nodes().map(({ types, ...node }) => ({ ...node, types: [...types.values()] }))]);
    assert.ok(said.includes('I do not like it'));
    assert.ok(!said.includes(keyText) && !said.includes(Buffer.from(keyText).toString('base64')), said);
  });
});
