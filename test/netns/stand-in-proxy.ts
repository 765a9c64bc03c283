// In place of a proxy in a pod: takes what is captured, and says over each connection what came, from whom, and where it was meant to go. With the
// argument `ask ADDRESS PORT SOURCE` it calls instead, from that address, and prints what it is told.
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { destinationReader } from '#proxy/capture/original-destination.ts';

const [verb, ...rest] = process.argv.slice(2);

if (verb === 'ask') {
  const [host = '', port = '', localAddress] = rest;
  const socket = connect({ host, port: Number(port), ...(localAddress !== undefined && { localAddress }), timeout: 3_000 });
  socket.on('error', (error: NodeJS.ErrnoException) => process.stdout.write(`${error.code ?? error.message}\n`));
  socket.on('timeout', () => socket.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })));
  socket.pipe(process.stdout);
} else if (verb === 'resolve') {
  const socket = createSocket('udp4');
  socket.on('message', (message, { address, port }) => {
    process.stdout.write(`${message.toString()} from ${address}:${port}\n`);
    socket.close();
  });
  const [host = '', port = '53'] = rest;
  socket.send('who', Number(port), host);
} else {
  const read = destinationReader();
  for (const port of [15_001, 15_006]) {
    createServer((socket) => {
      socket.on('error', () => {});
      const destination = read?.(socket);
      socket.end(`${port} ${socket.remoteAddress} for ${destination?.address}:${destination?.port}\n`);
    }).listen(port, '0.0.0.0');
  }
  const names = createSocket('udp4');
  names.on('message', (_, { port, address }) => names.send('name server of the pod', port, address));
  names.bind(15_053, '127.0.0.1', () => process.stdout.write('ready\n'));
  process.on('SIGTERM', () => process.exit(0));
}
