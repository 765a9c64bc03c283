// The application of a pod in a test, and at the same time the one who calls from it: told what to do over IPC by whoever started it in the pod's
// namespaces. Knows nothing of proxies.
import { Resolver } from 'node:dns/promises';
import { createServer as createHttpServer, request } from 'node:http';
import { connect, createServer } from 'node:net';

/** `http` answers with what it saw; `greet` speaks first, then sends back what it gets; `mute` waits for the client, then answers once. */
export type Order =
  | { readonly kind: 'serve'; readonly what: 'http' | 'greet' | 'mute'; readonly port: number; readonly address?: string }
  | {
      readonly kind: 'http';
      readonly host: string;
      readonly port: number;
      readonly path?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly send?: string; readonly from?: string }
  /** Asks the name server of the pod's resolv.conf, which in a test is the node's address. */
  | { readonly kind: 'lookup'; readonly name: string; readonly server: string }
  /** How long each of `count` connections took to be usable, one after the other: microseconds. */
  | { readonly kind: 'connect-times'; readonly host: string; readonly port: number; readonly count: number };

export type Answer =
  | { readonly kind: 'serving' }
  | { readonly kind: 'http'; readonly status: number; readonly body: string; readonly headers: Readonly<Record<string, string>> }
  | { readonly kind: 'tcp'; readonly said: string; readonly local: string }
  | { readonly kind: 'addresses'; readonly addresses: readonly string[] }
  | { readonly kind: 'times'; readonly us: readonly number[] }
  | { readonly kind: 'error'; readonly code: string };

const deadlineMs = 5_000;

process.on('message', ({ id, order }: { readonly id: number; readonly order: Order }) => {
  obey(order).then(
    (answer) => process.send?.({ id, answer }),
    (error: NodeJS.ErrnoException) => process.send?.({ id, answer: { kind: 'error', code: error.code ?? error.message } satisfies Answer }),
  );
});
process.once('disconnect', () => process.exit());

function obey(order: Order): Promise<Answer> {
  switch (order.kind) {
    case 'serve':
      return serve(order);
    case 'http':
      return callHttp(order);
    case 'tcp':
      return callTcp(order);
    case 'lookup':
      return lookUp(order);
    case 'connect-times':
      return connectTimes(order);
  }
}

function serve({ what, port, address = '0.0.0.0' }: Extract<Order, { kind: 'serve' }>): Promise<Answer> {
  const server =
    what === 'http'
      ? createHttpServer((incoming, response) => {
          const { remoteAddress, localAddress, localPort } = incoming.socket;
          response.end(JSON.stringify({ remoteAddress, localAddress, localPort, headers: incoming.headers, url: incoming.url }));
        })
      : createServer((socket) => {
          socket.on('error', () => {});
          const line = (): string => `${what} on ${socket.localAddress}:${socket.localPort} for ${socket.remoteAddress}\n`;
          if (what === 'greet') {
            socket.write(line());
            socket.pipe(socket);
          } else socket.once('data', () => socket.end(line()));
        });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: address, backlog: 4096 }, () => resolve({ kind: 'serving' }));
  });
}

function callHttp({ host, port, path = '/', headers = {} }: Extract<Order, { kind: 'http' }>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host, port, path, headers, agent: false, timeout: deadlineMs }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (part: string) => (body += part));
      answer.on('error', reject);
      answer.on('end', () => {
        const joined = Object.entries(answer.headersDistinct).map(([name, values]): [string, string] => [name, (values ?? []).join(', ')]);
        resolve({ kind: 'http', status: answer.statusCode ?? 0, body, headers: Object.fromEntries(joined) });
      });
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('timeout')));
    outgoing.on('error', reject);
    outgoing.end();
  });
}

/** Sends, and gives what comes until the other side ends, or a line. */
function callTcp({ host, port, send, from }: Extract<Order, { kind: 'tcp' }>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, ...(from === undefined ? {} : { localAddress: from }) });
    let [said, local] = ['', ''];
    const timer = setTimeout(() => socket.destroy(new Error('timeout')), deadlineMs);
    const done = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ kind: 'tcp', said, local });
    };
    socket.once('connect', () => {
      local = `${socket.localAddress}`;
      if (send !== undefined) socket.write(send);
    });
    socket.setEncoding('utf8').on('data', (part: string) => {
      said += part;
      if (said.includes('\n')) done();
    });
    socket.once('end', done);
    socket.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}

async function lookUp({ name, server }: Extract<Order, { kind: 'lookup' }>): Promise<Answer> {
  const resolver = new Resolver({ timeout: 2_000, tries: 1 });
  resolver.setServers([server]);
  return { kind: 'addresses', addresses: await resolver.resolve4(name) };
}

async function connectTimes({ host, port, count }: Extract<Order, { kind: 'connect-times' }>): Promise<Answer> {
  const us: number[] = [];
  for (let round = 0; round < count; round++) {
    const start = performance.now();
    // The first byte of a server that speaks first: then the connection has gone all the way.
    const answer = await callTcp({ kind: 'tcp', host, port });
    if (answer.kind === 'tcp' && answer.said !== '') us.push((performance.now() - start) * 1_000);
  }
  return { kind: 'times', us };
}
