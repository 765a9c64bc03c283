// The two ends of the border between a mesh and the host, with each other: what is asked inside is done outside, by real sockets.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { type Channel, HostLink } from '#app/up/host-link.ts';
import type { Egress, HostMessage } from '#app/up/host-protocol.ts';
import { answerRequest, type HandedOver } from '#app/up/host-requests.ts';

type Listener = (message: HostMessage, handle?: unknown) => void;

/** A channel within this process: handles pass as they are. */
class Pair {
  readonly told: string[] = [];
  readonly link: HostLink;
  readonly #listeners = new Map<string, Listener>();
  /** Of listening sockets, which their own process lets go of when they are on their way. */
  readonly #sent: (() => void)[] = [];

  constructor(egress: Egress) {
    const channel: Channel = {
      send: (request) => {
        const reply = (answer: HostMessage, handle?: HandedOver, sent?: () => void): void => {
          if (sent !== undefined) this.#sent.push(sent);
          this.say('message', answer, handle);
        };
        void answerRequest(request, { egress, resolver: async () => async (query) => (query.length === 1 ? undefined : query) }, reply);
        return true;
      },
      disconnect: () => this.told.push('disconnected'),
      on: (event, listener) => this.#listeners.set(event, listener),
    };
    this.link = new HostLink(channel, { onInterrupt: () => this.told.push('interrupted'), onGone: () => this.told.push('gone') });
  }

  say(event: 'message' | 'disconnect', message: HostMessage, handle?: unknown): void {
    this.#listeners.get(event)?.(message, handle);
  }

  letGo(): void {
    for (const sent of this.#sent) sent();
  }
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  return typeof bound === 'object' && bound !== null ? bound.port : 0;
}

test('a listening socket comes with its port, and whoever has it may accept', async () => {
  const pair = new Pair('none');
  const socket = await pair.link.listen(0);
  assert.ok(socket.ok);
  const { port, fd, handle } = socket.value;
  assert.ok(port > 0 && fd > 2);
  const server = createServer((client) => client.end('taken')).listen(handle);
  const client = connect(port, '127.0.0.1');
  const [text] = (await once(client, 'data')) as [Buffer];
  assert.equal(String(text), 'taken');
  server.close();
  pair.letGo();
});

test('a port that is taken is refused with who has it', async () => {
  const holder = createServer();
  const port = await listening(holder);
  const pair = new Pair('none');
  const refused = await pair.link.listen(port);
  assert.equal(refused.ok, false);
  assert.match(
    refused.ok ? '' : refused.error.message,
    new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port} of this machine: it is taken( by .*\\(pid ${process.pid}\\))?$`),
  );
  assert.notEqual(await pair.link.whyTaken(port), undefined);
  await new Promise((resolve) => holder.close(resolve));
  assert.equal(await pair.link.whyTaken(port), undefined);
  pair.letGo();
});

test('connections and questions for names leave only where that is allowed', async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.write('220 first\r\n');
  });
  const port = await listening(server);
  const closed = new Pair('none');
  assert.deepEqual(await closed.link.connect('127.0.0.1', port).then((result) => !result.ok && result.error.code), 'EGRESS');
  assert.deepEqual(await closed.link.resolve(Buffer.from('ab'), 'udp').then((result) => !result.ok && result.error.code), 'EGRESS');
  const open = new Pair('host');
  const socket = await open.link.connect('127.0.0.1', port);
  assert.ok(socket.ok);
  // What the server says first has not been read by anybody.
  const [text] = (await once(socket.value.resume(), 'data')) as [Buffer];
  assert.equal(String(text), '220 first\r\n');
  assert.deepEqual(await open.link.resolve(Buffer.from('ab'), 'tcp').then((result) => result.ok && Buffer.from(result.value).toString()), 'ab');
  assert.equal(await open.link.resolve(Buffer.from('a'), 'udp').then((result) => result.ok), false);
  socket.value.destroy();
  for (const one of sockets) one.destroy();
  await new Promise((resolve) => server.close(resolve));
  assert.equal(await open.link.connect('127.0.0.1', port).then((result) => !result.ok && result.error.code), 'ECONNREFUSED');
});

test('what the host says unasked is passed on; when it is gone nobody waits for an answer', async () => {
  const pair = new Pair('none');
  pair.say('message', { kind: 'interrupted' });
  pair.say('disconnect', { kind: 'interrupted' });
  assert.deepEqual(pair.told, ['interrupted', 'gone']);
  assert.equal((await pair.link.listen(0)).ok, false);
  const ending = new Pair('none');
  ending.link[Symbol.dispose]();
  ending.say('disconnect', { kind: 'interrupted' });
  assert.deepEqual(ending.told, ['disconnected']);
});
