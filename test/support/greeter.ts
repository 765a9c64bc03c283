// A server that speaks first and hangs up, and what is heard where somebody may speak first.
import { connect, createServer, type NetConnectOpts } from 'node:net';

export async function startGreeter(text: string): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer((socket) => socket.on('error', () => {}).end(text));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { port, [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) };
}

/** All that is said to a client that says nothing. */
export function heardFrom(place: NetConnectOpts): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(place);
    socket.setTimeout(10_000, () => socket.destroy(new Error('nobody spoke')));
    socket.on('error', reject);
    socket.setEncoding('utf8').on('data', (part: string) => (text += part));
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve(text));
  });
}
