// Programs that know of no mesh, in pods with an address and a localhost of their own: they call each other by name on the ports that they are used to,
// and what the mesh says of such calls holds.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { inOwnNetwork } from '#test/scenario/own-network.ts';
import { example, type Up } from '#test/scenario/up.ts';

const caller = `
apiVersion: v1
kind: Pod
metadata: { name: caller-1, namespace: shop, labels: { app: caller } }
spec:
  containers:
    - { name: caller, command: [node, caller.js], ports: [{ containerPort: 8080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: caller, namespace: shop }
spec: { selector: { app: caller }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: caller, namespace: shop }
spec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: [caller.example.com] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: caller, namespace: shop }
spec: { hosts: [caller.example.com], gateways: [caller], http: [{ route: [{ destination: { host: caller } }] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: hello-inside, namespace: default }
spec:
  hosts: [hello]
  http:
    - match: [{ headers: { x-want: { exact: v2 } } }]
      route: [{ destination: { host: hello, subset: v2 } }]
    - route: [{ destination: { host: hello, subset: v1 } }]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: istio-system }
spec: { mtls: { mode: STRICT } }
`;

/** Does what it is asked to by path: GET what stands there as a URL, and says what came of it, or what this pod is. No variable is read. */
const callerScript = `
const http = require('node:http');
const { hostname } = require('node:os');
http.createServer((request, response) => {
  if (request.url === '/self') return response.end(JSON.stringify({ hostname: hostname(), address: request.socket.localAddress }));
  const headers = request.headers['x-want'] === undefined ? {} : { 'x-want': request.headers['x-want'] };
  const end = (status, body) => { if (!response.writableEnded) response.end(JSON.stringify({ status, body })); };
  const outgoing = http.get(request.url.slice(1), { headers, agent: false }, (answer) => {
    let body = '';
    answer.on('data', (chunk) => (body += chunk)).on('end', () => end(answer.statusCode, body)).on('error', (error) => end(0, error.code));
  });
  outgoing.on('error', (error) => end(0, error.code));
}).listen(8080);
`;

async function withCaller(): Promise<Readonly<Record<string, string>>> {
  const hello = await readFile(`${example('hello')}/hello.yaml`, 'utf8');
  const routing = await readFile(`${example('hello')}/routing.yaml`, 'utf8');
  const images = (await readFile(`${example('hello')}/heddle.yaml`, 'utf8')).replaceAll('server.ts', `${example('hello')}/server.ts`);
  return { 'hello.yaml': hello, 'routing.yaml': routing, 'heddle.yaml': images, 'caller.yaml': caller, 'caller.js': callerScript };
}

type Called = { readonly status: number; readonly body: string };

async function ask(up: Up, url: string, headers: Readonly<Record<string, string>> = {}): Promise<Called> {
  const { status, body } = await up.call('caller.example.com', `/${url}`, headers);
  assert.equal(status, 200, body);
  return JSON.parse(body) as Called; // what the script above writes
}

inOwnNetwork('programs call each other by name, through mutual TLS, and routes by header apply', async (start) => {
  await using up = await start({ files: await withCaller() });
  for (const name of ['hello.default', 'hello.default.svc.cluster.local', 'hello.default.svc.cluster.local.:80']) {
    for (const version of ['v1', 'v2']) {
      const answer = await ask(up, `http://${name}/`, { 'x-want': version });
      assert.deepEqual(answer, { status: 200, body: `hello from ${version} (hello-${version})\n` }, name);
    }
  }
  assert.deepEqual(await ask(up, 'http://nobody.default/'), { status: 0, body: 'ENOTFOUND' });
  assert.equal(JSON.parse((await up.call('caller.example.com', '/self')).body).hostname, 'caller-1');
  // Its own localhost is nobody else's, and a call of its own Service comes back to it.
  assert.equal(JSON.parse((await ask(up, 'http://localhost:8080/self')).body).hostname, 'caller-1');
  assert.equal(JSON.parse((await ask(up, 'http://caller/self')).body).hostname, 'caller-1');
});

inOwnNetwork(
  'what is for elsewhere is refused at once, and told',
  async (start) => {
    await using up = await start({ files: await withCaller() });
    const answer = await ask(up, 'http://192.0.2.200/');
    assert.equal(answer.status, 503);
    const { kind } = await up.event('the refusal', (event) => event.kind === 'egress refused');
    assert.equal(kind, 'egress refused');
    const line =
      up.process
        .stdout()
        .split('\n')
        .find((one) => one.includes('egress refused')) ?? '{}';
    const { from, to, reason } = JSON.parse(line) as Record<string, string>; // as the command prints it
    assert.deepEqual([from, to, reason], ['caller-1.shop', '192.0.2.200:80', '--egress host allows it']);
  },
  'each once',
);

/** An address of this machine that is not its loopback: what is outside for a pod. */
const outside = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

if (outside === undefined)
  void test('with --egress host pods reach this machine and beyond', { skip: 'needs an address beside 127.0.0.1' }, () => {});
else {
  inOwnNetwork(
    'with --egress host pods reach this machine and beyond',
    async (start) => {
      const server = createServer((_request, response) => response.end('from outside'));
      await new Promise<void>((resolve) => server.listen(0, outside, resolve));
      const bound = server.address();
      const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
      try {
        const entry = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: outside, namespace: shop }
spec:
  hosts: [outside.example.com]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: ${port} }]
  endpoints: [{ address: ${outside} }]
`;
        const files = { ...(await withCaller()), 'entry.yaml': entry };
        await using up = await start({ files, options: ['--egress', 'host'] });
        // By a name that only the mesh knows, at an address that only the mesh gave it.
        assert.deepEqual(await ask(up, 'http://outside.example.com/'), { status: 200, body: 'from outside' });
        assert.deepEqual(await ask(up, `http://${outside}:${port}/`), { status: 200, body: 'from outside' });
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
        assert.deepEqual(await ask(up, `http://${outside}:${port}/`), { status: 0, body: 'ECONNRESET' });
        await up.event('the failure', ({ kind }) => kind === 'egress failed');
      } finally {
        server.close();
      }
    },
    'each once',
  );
}
