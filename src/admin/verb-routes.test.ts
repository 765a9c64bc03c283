// `GET /watch`: what a caller is told, and what waits for one that does not read.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import Fastify from 'fastify';
import type { MeshVerbs, ResourceList, ResourceRow } from '#admin/client/verbs.ts';
import { addVerbRoutes } from '#admin/verb-routes.ts';
import { ok } from '#base/result.ts';

const row = (name: string, said: string): ResourceRow => ({ name, namespace: 'default', cells: ['1s', said], object: { said } });

/** A server with one list, which can be told that it changed. */
async function serve(t: TestContext, kind: string) {
  let rows: readonly ResourceRow[] = [];
  let listener = (): void => {};
  let looks = 0;
  const list = (): ResourceList => ({ kind, label: kind.toLowerCase(), namespaced: true, columns: [{ title: 'AGE' }, { title: 'SAID' }], rows });
  const get = () => {
    looks += 1;
    return ok(list());
  };
  const onChange = (one: () => void) => {
    listener = one;
    return () => {};
  };
  const server = Fastify({ forceCloseConnections: true });
  // What is asked for is all that it has; that it may speak TLS plays no part.
  addVerbRoutes(server as unknown as Parameters<typeof addVerbRoutes>[0], { get, onChange } as unknown as MeshVerbs);
  await server.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => server.close());
  const change = (now: readonly ResourceRow[]): void => {
    rows = now;
    listener();
  };
  const { port } = server.server.address() as AddressInfo; // listening on a port
  return { port, change, looks: () => looks };
}

async function watchLines(port: number): Promise<() => Promise<unknown>> {
  const [answer] = (await once(get({ host: '127.0.0.1', port, path: '/watch?kind=x', agent: false }), 'response')) as [IncomingMessage];
  const lines = createInterface({ input: answer })[Symbol.asyncIterator]();
  return async () => JSON.parse(String((await lines.next()).value)) as unknown;
}

test('an event is told once, also where its pod has others, and nothing is said of one that is forgotten', async (t) => {
  const { port, change } = await serve(t, 'Event');
  const next = await watchLines(port);
  await next();
  const events = ['Started', 'Ready', 'Stopped'].map((said) => row('pod/a', said));
  change(events.slice(0, 2));
  change(events);
  change(events.slice(1));
  change([...events.slice(1), row('pod/a', 'Killed')]);
  const told = [await next(), await next(), await next(), await next()];
  assert.deepEqual(
    told,
    [...events, row('pod/a', 'Killed')].map((one) => ({ change: 'added', row: one })),
  );
});

test('a resource is told when it comes, changes and goes', async (t) => {
  const { port, change } = await serve(t, 'Pod');
  const next = await watchLines(port);
  await next();
  change([row('a', 'Pending')]);
  change([row('a', 'Running')]);
  change([]);
  assert.deepEqual(
    [await next(), await next(), await next()],
    [
      { change: 'added', row: row('a', 'Pending') },
      { change: 'modified', row: row('a', 'Running') },
      { change: 'deleted', row: row('a', 'Running') },
    ],
  );
});

test('nothing is made for a caller that does not read', async (t) => {
  const { port, change, looks } = await serve(t, 'Pod');
  const caller = connect(port, '127.0.0.1');
  caller.write('GET /watch?kind=x HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await once(caller, 'readable');
  const large = 'x'.repeat(16 * 1024 * 1024);
  change([row('a', large)]);
  const before = looks();
  for (let turn = 0; turn < 100; turn++) change([row('a', `${large}${turn}`)]);
  assert.equal(looks(), before);
  // It reads: it is told how things are by then.
  let text = '';
  for await (const part of caller.setEncoding('utf8')) {
    text = `${text}${String(part)}`.slice(-200);
    if (text.includes('x99"')) break;
  }
  caller.destroy();
});
