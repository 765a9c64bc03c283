// One name server, asked by TCP: a connection for a question, for answers that do not fit into a datagram.
import { connect } from 'node:net';
import type { Clock } from '#base/clock.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { TcpFrames, tcpFrame } from '#dns/tcp-frame.ts';
import { answers, type ServerAddress } from '#dns/upstream-answer.ts';

export type TcpUpstreamOptions = { readonly server: ServerAddress; readonly bindSource?: string; readonly clock: Clock; readonly timeoutMs: number };

export function askByTcp(query: Buffer, { server, bindSource, clock, timeoutMs }: TcpUpstreamOptions): Promise<Result<Buffer, string>> {
  return new Promise((resolve) => {
    const socket = connect({ host: server.address, port: server.port, ...(bindSource !== undefined && { localAddress: bindSource }) });
    const cancel = clock.after(timeoutMs, () => end(failed(`no answer within ${timeoutMs} ms`)));
    const end = (result: Result<Buffer, string>): void => {
      cancel();
      socket.destroy();
      resolve(result);
    };
    const frames = new TcpFrames();
    socket.on('connect', () => socket.write(tcpFrame(query)));
    socket.on('data', (chunk: Buffer) => {
      for (const message of frames.read(chunk)) {
        if (message.length < 12 || message.readUInt16BE(0) !== query.readUInt16BE(0) || !answers(message, query)) continue;
        end(ok(message));
        return;
      }
    });
    socket.on('error', (error) => end(failed(error.message)));
    socket.on('close', () => end(failed('closed without an answer')));
  });
}
