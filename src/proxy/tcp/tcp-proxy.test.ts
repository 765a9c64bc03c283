import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { bootstrap, cluster, fileLog, listener, type Part, tcpChain, typedConfig } from '#test/support/bootstrap-parts.ts';
import { startEmbedded } from '#test/support/embedded-proxy.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

async function startServer(serve: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  // A TCP server has a port.
  return { port: (server.address() as AddressInfo).port, [Symbol.asyncDispose]: close };
}

/** Sends, ends its side, and gives all that came back until the other side ended. */
function exchange(port: number, sent: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const parts: Buffer[] = [];
    socket.on('data', (part: Buffer) => parts.push(part));
    socket.on('end', () => resolve(Buffer.concat(parts)));
    socket.on('error', reject);
    socket.end(sent);
  });
}

const format = '%RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %UPSTREAM_CLUSTER% %CONNECTION_TERMINATION_DETAILS%\n';

test('bytes pass both ways, and each side ends on its own (half-close)', async () => {
  await using folder = await temporaryFolder();
  const log = join(folder.path, 'tcp.log');
  const sent = randomBytes(5_000_000);
  // Answers only when the client has ended its side.
  await using server = await startServer((socket) => {
    const parts: Buffer[] = [];
    socket.on('data', (part: Buffer) => parts.push(part));
    socket.on('end', () => socket.end(Buffer.concat(parts)));
  });
  {
    await using proxy = await startEmbedded(
      bootstrap([listener('tcp', 0, [tcpChain('echo', { access_log: [fileLog(log, format)] })])], [cluster('echo', server.port)]),
    );
    const back = await exchange(proxy.port('tcp'), sent);
    assert.ok(back.equals(sent));
  }
  assert.equal(readFileSync(log, 'utf8'), `- ${sent.length} ${sent.length} echo -\n`);
});

test('a server that speaks first and ends first', async () => {
  await using server = await startServer((socket) => {
    socket.resume();
    socket.end('welcome');
  });
  await using proxy = await startEmbedded(bootstrap([listener('tcp', 0, [tcpChain('first')])], [cluster('first', server.port)]));
  const socket = connect({ port: proxy.port('tcp'), host: '127.0.0.1', allowHalfOpen: true });
  const text = await new Promise<string>((resolve, reject) => {
    let all = '';
    socket.setEncoding('utf8').on('data', (part: string) => (all += part));
    socket.on('error', reject);
    socket.on('end', () => resolve(all));
  });
  assert.equal(text, 'welcome');
  socket.end();
});

test('a slow reader makes the sender wait', async () => {
  let written = 0;
  let stopped = false;
  await using server = await startServer((socket) => {
    const chunk = Buffer.alloc(65_536);
    const push = (): void => {
      for (;;) {
        written += chunk.length;
        if (!socket.write(chunk)) {
          stopped = true;
          socket.once('drain', push);
          return;
        }
      }
    };
    push();
  });
  await using proxy = await startEmbedded(bootstrap([listener('tcp', 0, [tcpChain('flood')])], [cluster('flood', server.port)]));
  const socket = connect({ port: proxy.port('tcp'), host: '127.0.0.1' });
  socket.on('error', () => {});
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  // Nobody reads: what the server could push is bounded by the buffers between.
  let last = -1;
  const settled = performance.now() + 5_000;
  while ((last !== written || !stopped) && performance.now() < settled) {
    last = written;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.ok(stopped);
  assert.ok(written < 40_000_000, `${written} bytes were pushed`);
  socket.destroy();
});

test('connect failure, missing cluster, no endpoint and RBAC are told by flag and details', async () => {
  await using folder = await temporaryFolder();
  const log = join(folder.path, 'tcp.log');
  const proxyTo = (name: string): Part => tcpChain(name, { access_log: [fileLog(log, format)] });
  const empty: Part = { name: 'empty', load_assignment: { cluster_name: 'empty' } };
  const rbac = {
    name: 'envoy.filters.network.rbac',
    typed_config: typedConfig('extensions.filters.network.rbac.v3.RBAC', {
      stat_prefix: 'rbac',
      rules: { action: 'DENY', policies: { nobody: { permissions: [{ any: true }], principals: [{ any: true }] } } },
    }),
  };
  // A chain is an object of our own making with a list of filters.
  const denied = { filters: [rbac, ...(proxyTo('refused')['filters'] as readonly Part[])] };
  {
    await using proxy = await startEmbedded(
      bootstrap(
        [
          listener('refused', 0, [proxyTo('refused')]),
          listener('empty', 0, [proxyTo('empty')]),
          listener('missing', 0, [proxyTo('missing')]),
          listener('denied', 0, [denied]),
        ],
        [cluster('refused', 1), empty],
      ),
    );
    for (const name of ['refused', 'empty', 'missing', 'denied']) {
      await exchange(proxy.port(name), Buffer.from('x')).catch(() => Buffer.alloc(0));
    }
  }
  assert.deepEqual(readFileSync(log, 'utf8').trim().split('\n'), [
    'UF,URX 0 0 refused -',
    'UH 0 0 empty -',
    'NC 0 0 - -',
    '- 0 0 - rbac_access_denied_matched_policy[nobody]',
  ]);
});

test('an idle connection ends after its timeout', async () => {
  await using server = await startServer((socket) => socket.resume());
  await using proxy = await startEmbedded(
    bootstrap([listener('tcp', 0, [tcpChain('idle', { idle_timeout: '0.2s' })])], [cluster('idle', server.port)]),
  );
  const socket = connect({ port: proxy.port('tcp'), host: '127.0.0.1' });
  await new Promise<void>((resolve) => {
    socket.on('error', () => {});
    socket.on('close', () => resolve());
    socket.resume();
  });
});
