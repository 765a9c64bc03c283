// Connections that stop being HTTP: a command in a container, or bytes to a port of a pod. In: requests with `Upgrade`, judged at the door like every
// other one; as POST they count as changes. Out: frames for `exec`, bytes as they are for `port-forward`.
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { type FrameKind, FrameReader, readControl, sendControl, sendFrame } from '#admin/client/frames.ts';
import { execProtocol, forwardProtocol, runProtocol } from '#admin/client/protocols.ts';
import { readRunRequest } from '#admin/client/run-messages.ts';
import type { ExecRequest, ExecSession, ForwardRequest, MeshVerbs, VerbFailure } from '#admin/client/verbs.ts';
import type { Refusal } from '#admin/door.ts';
import { carryRun } from '#admin/run-upgrade.ts';
import { isObject } from '#base/object.ts';

export type UpgradeOptions = {
  readonly verbs: MeshVerbs;
  /** The door's verdict on a request. */
  readonly refusal: (request: IncomingMessage) => Refusal | undefined;
};

/** Serves upgrades until the returned function is called, which ends those that are open. */
export function serveUpgrades(server: Pick<Server, 'on' | 'off'>, { verbs, refusal }: UpgradeOptions): () => void {
  const open = new Set<Duplex>();
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    // A caller that goes away in the middle is not news.
    socket.on('error', () => socket.destroy());
    const refused = refusal(request);
    if (refused !== undefined) return answer(socket, refused.status, { error: refused.error, hint: refused.hint });
    serve(request, socket, head, verbs).catch((error: unknown) => giveUp(socket, error));
  };
  server.on('upgrade', onUpgrade);
  return () => {
    server.off('upgrade', onUpgrade);
    for (const socket of open) socket.destroy();
  };
}

async function serve(request: IncomingMessage, socket: Duplex, head: Buffer, verbs: MeshVerbs): Promise<void> {
  const path = (request.url ?? '').split('?', 1)[0];
  const protocol = String(request.headers.upgrade).toLowerCase();
  if (request.method !== 'POST') return answer(socket, 400, { error: 'upgrades are asked for by POST' });
  const wanted = readBody(request);
  if (path === '/exec' && protocol === execProtocol) {
    const asked = execRequest(wanted);
    if (asked === undefined) return answer(socket, 400, { error: 'say what to run: pod, namespace, command' });
    const started = verbs.exec(asked);
    if (!started.ok) return fail(socket, started.error);
    accept(socket, protocol);
    if (head.length > 0) socket.unshift(head);
    return carry(socket, started.value);
  }
  if (path === '/port-forward' && protocol === forwardProtocol) {
    const asked = forwardRequest(wanted);
    if (asked === undefined) return answer(socket, 400, { error: 'say where to: kind, name, namespace, port' });
    const connected = await verbs.connect(asked);
    if (!connected.ok) return fail(socket, connected.error);
    accept(socket, protocol);
    if (head.length > 0) socket.unshift(head);
    const { socket: pod } = connected.value;
    // Either end may close first; what is left in the other direction still goes over.
    pipeline(socket, pod, () => {});
    pipeline(pod, socket, () => {});
    return undefined;
  }
  if (path === '/run' && protocol === runProtocol) {
    const asked = readRunRequest(wanted);
    if (asked === undefined) return answer(socket, 400, { error: 'say what runs: workload, namespace, command, cwd' });
    const session = verbs.run(asked);
    if (!session.ok) return fail(socket, session.error);
    accept(socket, protocol);
    if (head.length > 0) socket.unshift(head);
    return carryRun(socket, session.value);
  }
  return answer(socket, 404, { error: 'no such upgrade' });
}

/** A fault of ours ends this one call, not the mesh. */
function giveUp(socket: Duplex, error: unknown): void {
  const isUpgraded = 'bytesWritten' in socket && socket.bytesWritten !== 0;
  if (isUpgraded) socket.destroy();
  else answer(socket, 500, { error: `this is a fault of heddle: ${error instanceof Error ? error.message : String(error)}` });
}

/** What an upgrade is about stands in a header: a request that is to be upgraded has no body of its own. */
function readBody({ headers }: IncomingMessage): unknown {
  const text = headers['heddle-request'];
  try {
    return JSON.parse(Buffer.from(typeof text === 'string' ? text : '', 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

function execRequest(value: unknown): ExecRequest | undefined {
  if (!isObject(value)) return undefined;
  const { pod, namespace = 'default', container, command, terminal } = value;
  if (typeof pod !== 'string' || typeof namespace !== 'string' || !isWords(command)) return undefined;
  return {
    pod,
    namespace,
    command,
    ...(typeof container === 'string' && { container }),
    ...(isObject(terminal) && {
      terminal: { name: String(terminal['name'] ?? 'xterm'), rows: Number(terminal['rows']) || 24, columns: Number(terminal['columns']) || 80 },
    }),
  };
}

function isWords(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === 'string');
}

function forwardRequest(value: unknown): ForwardRequest | undefined {
  if (!isObject(value)) return undefined;
  const { kind, name, namespace = 'default', port } = value;
  if (typeof kind !== 'string' || typeof name !== 'string' || typeof namespace !== 'string' || typeof port !== 'string') return undefined;
  return { kind, name, namespace, port };
}

function carry(socket: Duplex, session: ExecSession): void {
  const reader = new FrameReader();
  let isOver = false;
  socket.on('data', (bytes: Buffer) => {
    try {
      for (const { kind, bytes: part } of reader.take(bytes)) {
        if (kind === 'input' && part.length === 0) session.input.end();
        else if (kind === 'input' && !session.input.write(part)) pauseUntilDrained(socket, session);
        else if (kind === 'control') control(part, session);
      }
    } catch {
      socket.destroy();
    }
  });
  // The program may end before it has read everything.
  session.input.on('error', () => {});
  const sent = [copy(session.output, socket, 'output'), ...(session.errors === undefined ? [] : [copy(session.errors, socket, 'errors')])];
  // Whoever asked has gone: a caller never ends its half before the command has ended.
  socket.once('end', () => socket.destroy());
  socket.once('close', () => {
    if (!isOver) session.signal('SIGHUP');
  });
  void Promise.all(sent)
    .then(() => session.ended)
    .then((end) => {
      isOver = true;
      sendControl(socket, { kind: 'ended', ...end });
      socket.end();
    });
}

function pauseUntilDrained(socket: Duplex, { input }: ExecSession): void {
  socket.pause();
  const resume = (): void => {
    input.off('drain', resume);
    input.off('close', resume);
    socket.resume();
  };
  input.on('drain', resume);
  input.on('close', resume);
}

function copy(from: Readable, socket: Duplex, kind: FrameKind): Promise<void> {
  from.on('data', (bytes: Buffer) => {
    if (sendFrame(socket, kind, bytes)) return;
    from.pause();
    socket.once('drain', () => from.resume());
  });
  return new Promise((resolve) => {
    from.once('close', resolve);
    from.once('error', () => resolve());
  });
}

function control(bytes: Buffer, session: ExecSession): void {
  const message = readControl(bytes);
  if (message?.kind === 'size') session.resize(message.rows, message.columns);
  if (message?.kind === 'signal') session.signal(message.signal);
}

function accept(socket: Duplex, protocol: string): void {
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${protocol}\r\n\r\n`);
}

function fail(socket: Duplex, { status, ...failure }: VerbFailure): void {
  answer(socket, status, failure);
}

function answer(socket: Duplex, status: number, value: object): void {
  const body = `${JSON.stringify(value)}\n`;
  const head = [`HTTP/1.1 ${status} -`, 'content-type: application/json', `content-length: ${Buffer.byteLength(body)}`, 'connection: close'];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
