// In place of a proxy in a pod: takes what is captured, and says over each connection what came, from whom, and where it was meant to go. With the
// arguments `ask ADDRESS PORT SOURCE TIMES` it calls instead, from that address ('' for any), and prints what it is told.
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { destinationReader } from '#proxy/capture/original-destination.ts';

const [verb, ...rest] = process.argv.slice(2);

if (verb === 'ask') {
  const [host = '', port = '', localAddress = '', times = '1'] = rest;
  for (let turn = 0; turn < Number(times); turn++) {
    const socket = connect({ host, port: Number(port), ...(localAddress !== '' && { localAddress }), timeout: 10_000 });
    socket.on('error', (error: NodeJS.ErrnoException) => process.stdout.write(`${error.code ?? error.message}\n`));
    socket.on('timeout', () => socket.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })));
    socket.on('data', (bytes) => process.stdout.write(bytes));
  }
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
