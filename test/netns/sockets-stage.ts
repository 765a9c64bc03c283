// A process in one network namespace, and sockets of a second one: what can be done with them, as one JSON object.
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { openSync, readdirSync, readlinkSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { podMetrics } from '#app/pod-metrics.ts';
import { systemClock } from '#base/clock.ts';
import { namespaceSockets } from '#base/namespace-sockets.ts';
import type { ClusterEntry, EndpointEntry } from '#decide/cluster-entry.ts';
import { dnsCounters } from '#dns/dns-counters.ts';
import { dnsClient } from '#dns/lookup.ts';
import { Resolver } from '#dns/resolver.ts';
import { serveDns } from '#dns/server.ts';
import { listenAt } from '#proxy/listen-place.ts';
import { connectPlainFrom } from '#proxy/upstream/connect.ts';
import { Counters } from '#telemetry/counters.ts';

const found: Record<string, unknown> = {};
const pause = spawn('unshare', ['-n', 'sh', '-c', 'ip link set lo up; echo ready; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
await once(pause.stdout, 'data');
const there = namespaceSockets(`/proc/${pause.pid}/ns/net`);
if (!there.ok) throw new Error(there.error);
const network = there.value;

/** What a server there says of who connects. */
const serve = async (address: string, port: number): Promise<string> => {
  const server = createServer((socket) => socket.end(`from ${socket.remoteAddress} to ${socket.localAddress}:${socket.localPort}`));
  const bound = await listenAt(server, { address, port }, network);
  return bound.ok ? '' : bound.error;
};

const call = (address: string, port: number, source: Pick<ClusterEntry, 'bindAddresses'> = {}): Promise<string> =>
  new Promise((resolve) => {
    // Of both, what a connector looks at.
    const cluster = { connectTimeoutMs: 5_000, tcpKeepaliveMs: 0, ...source } as ClusterEntry;
    const endpoint = { address, port } as EndpointEntry;
    const onConnect = (socket: Socket): void => {
      let text = '';
      socket.on('data', (bytes: Buffer) => (text += bytes.toString()));
      socket.on('end', () => {
        socket.end();
        resolve(text);
      });
    };
    connectPlainFrom(network)(cluster, endpoint, { onConnect, onConnectFailed: (reason, detail) => resolve(`${reason}: ${detail}`) });
  });

await serve('127.0.0.1', 8081);
await serve('::1', 8082);
found['TCP, IPv4'] = await call('127.0.0.1', 8081, { bindAddresses: ['127.0.0.7'] });
found['TCP, IPv6'] = await call('::1', 8082);
found['a port of nobody'] = await call('127.0.0.1', 9);

const resolver = new Resolver({
  client: dnsClient('default', 'default.svc.cluster.local'),
  counters: dnsCounters(new Counters()),
  clock: systemClock,
  random: Math.random,
});
const udp = network.bind('udp', '127.0.0.1', 5353);
if (!udp.ok) throw new Error(udp.error.code);
const heard = createSocket('udp4');
await new Promise<void>((resolve) => void heard.bind({ fd: udp.value }, resolve));
const said = once(heard, 'message');
const python = `import socket; socket.socket(2, 2).sendto(b'hello', ('127.0.0.1', 5353))`;
spawn('nsenter', ['-t', String(pause.pid), '-n', 'python3', '-c', python], { stdio: 'inherit' });
const [, { address: sender }] = (await said) as [Buffer, { readonly address: string }];
const { address, port } = heard.address();
found['UDP'] = `from ${sender} to ${address}:${port}`;

const outside = connect(8081, '127.0.0.1');
found['from where the process is'] = await new Promise((resolve) => outside.on('error', (error: NodeJS.ErrnoException) => resolve(error.code)));

const pages = createHttpServer((_, response) => response.end('mine 1\n'));
const bound = network.bind('tcp', '127.0.0.1', 9090);
if (!bound.ok) throw new Error(bound.error.code);
await new Promise<void>((resolve) => void pages.listen({ fd: bound.value }, resolve));
const metadata = { ANNOTATIONS: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '9090' } };
const told = await podMetrics({ proxy: async () => '', metadata, version: '1', network }).merged();
found['metrics of an application'] = /^mine 1$/m.test(told) && /failures_total\{.*\} 0$/m.test(told);

found['a taken port'] = await serve('127.0.0.1', 8081);
const dns = await serveDns({ address: '127.0.0.1', port: 5353 }, resolver, network);
found['a taken port of DNS'] = dns.ok ? '' : dns.error;
found['an address of nobody'] = await serve('192.0.2.1', 80);

const own = readlinkSync('/proc/self/ns/net');
found['threads elsewhere'] = readdirSync('/proc/self/task').filter((task) => readlinkSync(`/proc/self/task/${task}/ns/net`) !== own).length;
const files: number[] = [];
try {
  for (;;) files.push(openSync('/dev/null', 'r'));
} catch {
  found['too many files'] = await call('127.0.0.1', 8081);
}
process.stdout.write(JSON.stringify(found));
pause.kill('SIGKILL');
process.exit();
