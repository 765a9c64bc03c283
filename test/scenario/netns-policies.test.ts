// Policies where connections are captured, on ports of all kinds: declared as HTTP, left to be found out, and named by no Service, which the chains for
// whatever comes take. HTTP and bytes, callers that may and callers that may not.
import assert from 'node:assert/strict';
import { inOwnNetwork } from '#test/scenario/own-network.ts';
import type { Up } from '#test/scenario/up.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const pod = (name: string, script: string): string => `apiVersion: v1
kind: Pod
metadata: { name: ${name}-1, namespace: shop, labels: { app: ${name} } }
spec:
  serviceAccountName: ${name}
  containers:
    - { name: ${name}, image: ${name}, command: [node, ${script}], ports: [{ containerPort: 8080 }] }
---
`;

const entry = (name: string): string => `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { selector: { app: ${name} }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: shop }
spec: { hosts: [${name}.example.com], gateways: [entry], http: [{ route: [{ destination: { host: ${name} } }] }] }
---
`;

const mesh = `${pod('friend', 'caller.js')}${entry('friend')}${pod('stranger', 'caller.js')}${entry('stranger')}${pod('target', 'target.js')}apiVersion: v1
kind: Service
metadata: { name: target, namespace: shop }
spec:
  selector: { app: target }
  ports:
    - { name: http, port: 80, targetPort: 8080 }
    - { name: found-out, port: 81, targetPort: 8081 }
    - { name: bytes-found-out, port: 82, targetPort: 8082 }
    - { name: tcp, port: 83, targetPort: 8083 }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: entry, namespace: shop }
spec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ['*'] }] }
`;

/** Closes ports by number, also those that no Service names; and where callers are known, all but the friend's calls. */
const policies = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: closed-ports, namespace: shop }
spec: { selector: { matchLabels: { app: target } }, action: DENY, rules: [{ to: [{ operation: { ports: ['9001', '9002'] } }] }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: friends, namespace: shop }
spec:
  selector: { matchLabels: { app: target } }
  rules:
    - from: [{ source: { principals: [cluster.local/ns/shop/sa/friend] } }]
    - to: [{ operation: { ports: ['9001', '9002', '9003', '9004'] } }]
`;

const strict = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: shop }
spec: { mtls: { mode: STRICT } }
`;

const http = [8080, 8081, 9001, 9003];
const bytes = [8082, 8083, 9002, 9004];

const target = `
const http = require('node:http');
const net = require('node:net');
for (const port of ${JSON.stringify(http)}) http.createServer((_, response) => response.end('in')).listen(port);
for (const port of ${JSON.stringify(bytes)}) net.createServer((socket) => socket.on('error', () => {}).on('data', () => socket.end('in'))).listen(port);
`;

/** GET /http/HOST/PORT or /bytes/HOST/PORT: what comes of a call there. Of fewer than some bytes an Envoy does not know yet that they are no HTTP. */
const caller = `
const http = require('node:http');
const net = require('node:net');
http.createServer((request, response) => {
  const [, kind, host, port] = request.url.split('/');
  const end = (text) => { if (!response.writableEnded) response.end(String(text)); };
  if (kind === 'http') {
    const outgoing = http.get({ host, port, timeout: 3000 }, (answer) => {
      let body = '';
      answer.on('data', (chunk) => (body += chunk)).on('end', () => end(answer.statusCode === 200 ? body : answer.statusCode)).on('error', () => end('closed'));
    });
    outgoing.on('error', () => end('closed')).on('timeout', () => end('silent'));
    return;
  }
  const socket = net.connect({ host, port: Number(port) }, () => socket.write(Buffer.alloc(64, 1)));
  socket.on('data', (chunk) => end(chunk)).on('close', () => end('closed')).on('error', () => end('closed'));
  socket.setTimeout(3000, () => end('silent'));
}).listen(8080);
`;

async function addressOf(up: Up, name: string): Promise<string> {
  const { workloads } = await up.state();
  return workloads.find((one) => one.name === name)?.address.split(':')[0] ?? '';
}

async function ask(up: Up, who: string, path: string): Promise<string> {
  const { status, body } = await up.call(`${who}.example.com`, path);
  return status === 200 ? body : `the caller: ${status} ${body}`;
}

inOwnNetwork(
  'policies hold on ports of all kinds, also on those that no Service names',
  async (start) => {
    const files = { 'mesh.yaml': mesh, 'target.js': target, 'caller.js': caller, 'policies.yaml': policies };
    await using up = await start({ files });
    const place = await addressOf(up, 'target-1');
    const found = async (who: string): Promise<Readonly<Record<string, string>>> => ({
      http: await ask(up, who, '/http/target.shop/80'),
      'found out': await ask(up, who, '/http/target.shop/81'),
      'bytes found out': await ask(up, who, '/bytes/target.shop/82'),
      bytes: await ask(up, who, '/bytes/target.shop/83'),
      'closed, of no Service': await ask(up, who, `/http/${place}/9001`),
      'closed bytes, of no Service': await ask(up, who, `/bytes/${place}/9002`),
      'of no Service': await ask(up, who, `/http/${place}/9003`),
      'bytes, of no Service': await ask(up, who, `/bytes/${place}/9004`),
    });
    const ofNoService = {
      'closed, of no Service': '403',
      'closed bytes, of no Service': 'closed',
      'of no Service': 'in',
      'bytes, of no Service': 'in',
    };
    assert.deepEqual(await found('friend'), { http: 'in', 'found out': 'in', 'bytes found out': 'in', bytes: 'in', ...ofNoService });
    assert.deepEqual(await found('stranger'), { http: '403', 'found out': '403', 'bytes found out': 'closed', bytes: 'closed', ...ofNoService });

    // Calls of an address are plaintext, which STRICT takes on no port, whoever makes them.
    await up.folder.write('mesh/strict.yaml', strict);
    for (const path of [`/http/${place}/9001`, `/bytes/${place}/9002`, `/http/${place}/9003`, `/bytes/${place}/9004`]) {
      // Connections of before go on until they are drained.
      await waitUntil(`${path} to be closed`, async () => ['closed', '503'].includes(await ask(up, 'friend', path)), { timeoutMs: 60_000 });
    }
    const strictly = await found('friend');
    assert.deepEqual([strictly['http'], strictly['found out'], strictly['bytes found out'], strictly['bytes']], ['in', 'in', 'in', 'in']);
  },
  'each once',
);
