// Where connections wanted to go, as a server finds it out that they are redirected to: in a network namespace with rules for IPv4 and IPv6. Prints one
// line of JSON for each connection: what was called, what was found.
import { execFileSync } from 'node:child_process';
import { connect, createServer, type Socket } from 'node:net';
import { destinationReader } from '#proxy/capture/original-destination.ts';

const rules = `
table ip test { chain output { type nat hook output priority -100; tcp dport 80-90 redirect to :15001; }; }
table ip6 test { chain output { type nat hook output priority -100; tcp dport 80-90 redirect to :15001; }; }`;
execFileSync('sh', [
  '-e',
  '-c',
  `ip link set lo up
ip link add there type bridge
ip link set there up
ip addr add 198.18.0.1/15 dev there
ip -6 addr add fd00:5::1/64 dev there nodad
nft '${rules}'`,
]);

const read = destinationReader();
if (read === undefined) throw new Error('no getsockopt');
for (const [listen, calls] of [
  ['0.0.0.0', ['198.18.7.9:80', '198.19.255.254:90', '127.0.0.1:15001']],
  ['::', ['198.18.7.9:80', '[fd00:5::7:0:0:9]:80', '[fd00:5:0:0:1::]:85', '[::1]:15001']],
] as const) {
  let accepted: (socket: Socket) => void = () => {};
  const server = createServer({ pauseOnConnect: true }, (socket) => accepted(socket));
  await new Promise<void>((resolve) => void server.listen(15_001, listen, resolve));
  for (const call of calls) {
    const found = new Promise<unknown>((resolve) => {
      accepted = (socket) => {
        resolve(read(socket));
        socket.destroy();
      };
    });
    const [, address = '', port] = /^\[?([^\]]+?)\]?:(\d+)$/.exec(call) ?? [];
    const client = connect(Number(port), address);
    process.stdout.write(`${JSON.stringify({ listen, call, found: (await found) ?? null })}\n`);
    client.on('error', () => {}).destroy();
  }
  await new Promise<void>((resolve) => void server.close(() => resolve()));
}
process.exit();
