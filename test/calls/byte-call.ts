// One connection to a proxy on 127.0.0.1: says a line, inside TLS where a server name is given, and waits for a line; or only listens.
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ByteAnswer } from '#test/calls/byte-backends.ts';

/** Undefined where the connection ends without an answer. Rejects when neither has come within 10 s. */
export function byteCall(port: number, serverName: string | undefined, manner: 'ask' | 'listen' = 'ask'): Promise<ByteAnswer | undefined> {
  return new Promise((resolve, reject) => {
    const to = { port, host: '127.0.0.1' };
    const socket: Socket = serverName === undefined ? connect(to) : connectTls({ ...to, servername: serverName, rejectUnauthorized: false });
    const timer = setTimeout(() => settle(() => reject(new Error('neither an answer nor an end within 10 s'))), 10_000);
    let text = '';
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      socket.destroy();
      act();
    };
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
      if (text.endsWith('\n')) settle(() => resolve(JSON.parse(text) as ByteAnswer)); // our own backend's
    });
    socket.on('error', () => settle(() => resolve(undefined)));
    socket.on('close', () => settle(() => resolve(undefined)));
    if (manner === 'ask') socket.once(serverName === undefined ? 'connect' : 'secureConnect', () => void socket.write('who are you?\n'));
  });
}
