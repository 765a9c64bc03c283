// Pods with an address of each family: names lead to both, calls by IPv6 are captured as those by IPv4 are, and nothing leaves the mesh by either.
import assert from 'node:assert/strict';
import { inOwnNetwork } from '#test/scenario/own-network.ts';

const mesh = `
apiVersion: v1
kind: Pod
metadata: { name: web-1, namespace: default, labels: { app: web } }
spec: { containers: [{ name: web, command: [node, web.js], ports: [{ containerPort: 8080 }, { containerPort: 8081 }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: default }
spec: { selector: { app: web }, ipFamilyPolicy: RequireDualStack, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: six, namespace: default }
spec: { selector: { app: web }, ipFamilies: [IPv6], ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: bytes, namespace: default }
spec: { selector: { app: web }, ipFamilyPolicy: PreferDualStack, ports: [{ name: tcp, port: 8081, targetPort: 8081 }] }
---
apiVersion: v1
kind: Service
metadata: { name: four, namespace: default }
spec: { selector: { app: web }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: caller-1, namespace: default, labels: { app: caller } }
spec: { containers: [{ name: caller, command: [node, caller.js], ports: [{ containerPort: 8080 }] }] }
---
apiVersion: v1
kind: Pod
metadata: { name: plain-1, namespace: default, labels: { app: plain }, annotations: { sidecar.istio.io/inject: 'false' } }
spec: { containers: [{ name: plain, command: [node, caller.js], ports: [{ containerPort: 8080 }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: caller, namespace: default }
spec: { selector: { app: caller }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: plain, namespace: default }
spec: { selector: { app: plain }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: callers, namespace: default }
spec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ['*.example.com'] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: caller, namespace: default }
spec: { hosts: [caller.example.com], gateways: [callers], http: [{ route: [{ destination: { host: caller } }] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: plain, namespace: default }
spec: { hosts: [plain.example.com], gateways: [callers], http: [{ route: [{ destination: { host: plain } }] }] }
`;

const web = `
const serve = (port) => require('node:http').createServer((request, response) => {
  const sender = request.headers['x-forwarded-client-cert'] === undefined ? 'nobody known' : 'somebody known';
  response.end(JSON.stringify({ from: request.socket.remoteAddress, sender }));
}).listen(port, '::');
serve(8080);
serve(8081);
`;

/** `/HOST/PORT` is called by IPv6, and told is what came of it. */
const caller = `
const http = require('node:http');
http.createServer((request, response) => {
  const [, host, port] = request.url.split('/');
  const end = (text) => { if (!response.writableEnded) response.end(text); };
  const outgoing = http.get({ host: decodeURIComponent(host), port, family: 6, agent: false }, (answer) => {
    let body = '';
    answer.on('data', (chunk) => (body += chunk)).on('end', () => end(body)).on('error', (error) => end(error.code));
  });
  outgoing.on('error', (error) => end(error.code));
}).listen(8080);
`;

inOwnNetwork(
  'pods call each other by IPv6 beside IPv4',
  async (start) => {
    const options = ['--network-cidr', '198.18.0.0/15,fd00:18::/64'];
    await using up = await start({ files: { 'mesh.yaml': mesh, 'web.js': web, 'caller.js': caller }, options });
    const by = async (who: string, host: string, port = 80): Promise<string> =>
      (await up.call(`${who}.example.com`, `/${encodeURIComponent(host)}/${port}`)).body;
    const known = (from: string): string => JSON.stringify({ from, sender: 'somebody known' });
    // The sidecar of a Service of both goes to the first family's address, that of IPv6 alone to the other.
    assert.equal(await by('caller', 'web'), known('::ffff:127.0.0.6'));
    assert.equal(await by('caller', 'six'), known('::6'));
    assert.equal(await by('caller', 'four'), 'ENOTFOUND');
    assert.match(await by('caller', 'bytes', 8081), /"from":"::ffff:127\.0\.0\.6"/);
    // Past no sidecar of its own, and through that of who is called.
    assert.equal(await by('plain', 'six'), JSON.stringify({ from: '::6', sender: 'nobody known' }));
    assert.match(await by('plain', '2001:db8::7'), /ECONNRESET|ECONNREFUSED/);
    await up.event('the refusal of what leaves the mesh', ({ kind }) => kind === 'egress refused');
  },
  'each once',
);
