import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { parseClientHello } from '#proxy/tls/client-hello.ts';

/** What OpenSSL really sends. */
async function captureHello(servername: string | undefined, alpn: readonly string[]): Promise<Buffer> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const captured = new Promise<Buffer>((resolve) => {
    server.once('connection', (socket) => {
      socket.on('error', () => {});
      socket.once('data', (bytes: Buffer) => {
        resolve(bytes);
        socket.destroy();
      });
    });
  });
  // A TCP server has a port.
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', ALPNProtocols: [...alpn], ...(servername === undefined ? {} : { servername }) });
  client.on('error', () => {});
  const bytes = await captured;
  client.destroy();
  server.close();
  return bytes;
}

test('reads server name and ALPN from a real ClientHello, however it is cut', async () => {
  const bytes = await captureHello('A.Example', ['h2', 'http/1.1']);
  const whole = parseClientHello(bytes);
  assert.deepEqual(whole, { kind: 'hello', hello: { serverName: 'a.example', alpn: ['h2', 'http/1.1'] } });
  for (let length = 1; length < bytes.length; length++) assert.equal(parseClientHello(bytes.subarray(0, length)).kind, 'more', `${length} bytes`);
});

test('a ClientHello without extensions for names has none', async () => {
  assert.deepEqual(parseClientHello(await captureHello(undefined, [])), { kind: 'hello', hello: { serverName: undefined, alpn: [] } });
});

test('a ClientHello spread over several records is put together', async () => {
  const bytes = await captureHello('a.example', ['h2']);
  const body = bytes.subarray(5);
  const records = [body.subarray(0, 3), body.subarray(3, 40), body.subarray(40)].flatMap((part) => [
    Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]),
    part,
  ]);
  assert.deepEqual(parseClientHello(Buffer.concat(records)), { kind: 'hello', hello: { serverName: 'a.example', alpn: ['h2'] } });
});

test('other protocols are none, and no bytes of a stranger make it throw', async () => {
  assert.equal(parseClientHello(Buffer.from('GET / HTTP/1.1\r\n')).kind, 'none');
  assert.equal(parseClientHello(Buffer.from([22, 3, 1, 255, 255])).kind, 'none');
  const bytes = await captureHello('a.example', ['h2']);
  for (let round = 0; round < 2000; round++) {
    const damaged = Buffer.from(bytes);
    const at = 5 + (randomBytes(2).readUInt16BE() % (bytes.length - 5));
    damaged[at] = randomBytes(1)[0] ?? 0;
    const { kind } = parseClientHello(damaged);
    assert.ok(kind === 'hello' || kind === 'more' || kind === 'none', `byte ${at}`);
  }
});
