// The first mesh, end to end: gateway, sidecar, application; weights, headers, failures that name their cause, calls between workloads.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { helloCases } from '#test/scenario/hello-cases.ts';
import { example, onBothDataPlanes, startUp } from '#test/scenario/up.ts';

for (const { name, run } of helloCases) onBothDataPlanes(name, (dataPlane) => run((options) => startUp(dataPlane, options), dataPlane));

const caller = `
apiVersion: v1
kind: Pod
metadata: { name: caller, namespace: default, labels: { app: caller } }
spec:
  containers:
    - name: caller
      command: [node, caller.js]
      ports: [{ containerPort: 9000 }]
---
apiVersion: v1
kind: Service
metadata: { name: caller, namespace: default }
spec: { selector: { app: caller }, ports: [{ name: http, port: 9000 }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: caller, namespace: istio-system }
spec:
  hosts: [caller.example.com]
  gateways: [hello-gateway]
  http: [{ route: [{ destination: { host: caller.default.svc.cluster.local } }] }]
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
`;

const callerScript = `
const http = require('node:http');
const { HELLO_SERVICE_HOST: host, HELLO_SERVICE_PORT: port, HELLO_SERVICE_PORT_HTTP: named, HELLO_PORT: url, http_proxy: proxy } = process.env;
http.createServer((request, response) => {
  const ways = {
    '/service': { host, port, path: '/', headers: { host: 'hello' } },
    '/proxy': { host: new URL(proxy).hostname, port: new URL(proxy).port, path: 'http://hello/', headers: { host: 'hello' } },
    '/proxy-long': { host: new URL(proxy).hostname, port: new URL(proxy).port, path: 'http://hello.default.svc.cluster.local:80/', headers: { host: 'hello.default.svc.cluster.local:80' } },
  };
  const way = ways[request.url];
  if (way === undefined) return response.end(JSON.stringify({ named, port, url }));
  if (request.headers['x-want']) way.headers['x-want'] = request.headers['x-want'];
  http.get(way, (answer) => { response.writeHead(answer.statusCode); answer.pipe(response); }).on('error', (error) => response.writeHead(500).end(String(error)));
}).listen(process.env.PORT, '127.0.0.1');
`;

onBothDataPlanes('workloads call each other by service variables and through the HTTP proxy, and routes by header apply', async (dataPlane) => {
  const hello = await readFile(`${example('hello')}/hello.yaml`, 'utf8');
  const routing = (await readFile(`${example('hello')}/routing.yaml`, 'utf8')).replace('- hello.example.com', '- "*"');
  const images = (await readFile(`${example('hello')}/heddle.yaml`, 'utf8')).replaceAll('server.ts', `${example('hello')}/server.ts`);
  await using up = await startUp(dataPlane, {
    files: { 'hello.yaml': hello, 'routing.yaml': routing, 'heddle.yaml': images, 'caller.yaml': caller, 'caller.js': callerScript },
  });
  const variables = JSON.parse((await up.call('caller.example.com', '/variables')).body);
  assert.equal(variables.named, variables.port);
  assert.equal(variables.url, `tcp://127.0.0.1:${variables.port}`);
  for (const way of ['/service', '/proxy', '/proxy-long']) {
    for (const version of ['v1', 'v2']) {
      const answer = await up.call('caller.example.com', way, { 'x-want': version });
      assert.equal(answer.body, `hello from ${version} (hello-${version})\n`, `${way} ${version}`);
    }
  }
});
