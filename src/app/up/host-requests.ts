// The host's side of the border: each request of the mesh is done here, outside, and answered. Sockets are handed over and forgotten.
import { connect, createServer, type Server, type Socket } from 'node:net';
import { portHolder } from '#app/port-holder.ts';
import type { Egress, HostAnswer, HostRequest } from '#app/up/host-protocol.ts';
import type { AskUpstream } from '#dns/upstream.ts';

/** Sends an answer, with the handle that goes along; calls back when it is on its way. */
export type Reply = (answer: HostAnswer, handle?: HandedOver, sent?: () => void) => void;

/** A connected socket, or the raw handle of a listening one. */
export type HandedOver = Socket | RawHandle;

/** Node's own object behind a server, which it sends over IPC as it is: the server would begin to accept where it arrives. */
export type RawHandle = { readonly fd: number };

const connectTimeoutMs = 10_000;

/** `resolver`: made when the first question for a name comes. */
export type HostMeans = { readonly egress: Egress; readonly resolver: () => Promise<AskUpstream> };

export async function answerRequest(request: HostRequest, { egress, resolver }: HostMeans, reply: Reply): Promise<void> {
  switch (request.kind) {
    case 'listen':
      return listen(request, reply);
    case 'connect':
      if (egress === 'none') return refuse(request, reply);
      return open(request, reply);
    case 'resolve': {
      if (egress === 'none') return refuse(request, reply);
      const ask = await resolver();
      const answer = await ask(Buffer.from(request.query), request.transport);
      if (answer === undefined) return reply({ kind: 'failed', id: request.id, code: 'ETIMEDOUT', reason: 'no name server of this machine answers' });
      return reply({ kind: 'resolved', id: request.id, answer });
    }
  }
}

function refuse({ id }: HostRequest, reply: Reply): void {
  reply({ kind: 'failed', id, code: 'EGRESS', reason: 'nothing may leave the mesh' });
}

function listen({ id, host, port }: Extract<HostRequest, { readonly kind: 'listen' }>, reply: Reply): void {
  const server = createServer();
  server.once('error', (error: NodeJS.ErrnoException) => {
    const holder = error.code === 'EADDRINUSE' ? portHolder(port) : undefined;
    reply({ kind: 'failed', id, code: error.code ?? '', reason: error.message, ...(holder !== undefined && { holder }) });
  });
  server.listen({ port, host, exclusive: true }, () => {
    const address = server.address();
    const bound = typeof address === 'object' && address !== null ? address.port : port;
    reply({ kind: 'listening', id, port: bound }, rawHandle(server), () => server.close());
  });
}

/** The field is Node's own and not documented; a server that listens has it. */
function rawHandle(server: Server): RawHandle {
  return (server as Server & { readonly _handle: RawHandle })._handle;
}

function open({ id, host, port }: Extract<HostRequest, { readonly kind: 'connect' }>, reply: Reply): void {
  const socket = connect({ port, host });
  // What the server says first is for whoever gets the socket.
  socket.pause();
  socket.setTimeout(connectTimeoutMs, () => {
    socket.destroy();
    reply({ kind: 'failed', id, code: 'ETIMEDOUT', reason: `no answer within ${connectTimeoutMs / 1000} s` });
  });
  const onError = (error: NodeJS.ErrnoException): void => {
    socket.setTimeout(0);
    reply({ kind: 'failed', id, code: error.code ?? '', reason: error.message });
  };
  socket.once('error', onError);
  socket.once('connect', () => {
    socket.setTimeout(0);
    socket.off('error', onError).on('error', () => {});
    reply({ kind: 'connected', id }, socket);
  });
}
