// The DNS of a test's node, as far as proxies ask it: a few names with an address each, all others unknown. It notes who asked.
import { createSocket } from 'node:dgram';
import { decode, encode } from 'dns-packet';

export type NodeNames = AsyncDisposable & { readonly askedBy: (name: string) => readonly string[] };

export async function serveNames(address: string, names: Readonly<Record<string, string>>): Promise<NodeNames> {
  const asked: { readonly name: string; readonly by: string }[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (message, { address: by, port }) => {
    const query = decode(message);
    const [question] = query.questions ?? [];
    if (question === undefined) return;
    asked.push({ name: question.name, by });
    const known = names[question.name];
    const answers = known !== undefined && question.type === 'A' ? [{ type: 'A' as const, name: question.name, ttl: 5, data: known }] : [];
    const noSuchName = 3;
    socket.send(
      encode({ type: 'response', id: query.id ?? 0, flags: known === undefined ? noSuchName : 0, questions: [question], answers }),
      port,
      by,
    );
  });
  await new Promise<void>((resolve) => void socket.bind(53, address, resolve));
  return {
    askedBy: (name) => asked.flatMap((one) => (one.name === name ? [one.by] : [])),
    [Symbol.asyncDispose]: () => new Promise((resolve) => void socket.close(() => resolve())),
  };
}
