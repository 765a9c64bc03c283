// Requests through the HTTP proxy of a sidecar that nothing is redirected to, as apps with HTTP_PROXY send them: hosts of the mesh by its
// rules, any other host where DNS says that it is, unless the mesh is closed; and CONNECT likewise. The same on both data planes.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { Backends } from '#test/calls/backends.ts';
import { httpProxyClient } from '#test/calls/http-proxy-client.ts';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { httpCall } from '#test/support/http-call.ts';
import { listenPorts } from '#test/support/listen-ports.ts';

test('hosts outside the mesh by an HTTP proxy: embedded proxy', () => run({ kind: 'embedded' }));

envoyTest('hosts outside the mesh by an HTTP proxy: Envoy', (binary) => run({ kind: 'envoy', binary }));

async function run(plane: DataPlane): Promise<void> {
  await using backends = new Backends();
  const outside = await backends.start('outside', 'localhost');
  const through = async (mode: string): Promise<{ readonly status: number; readonly body: string }> => {
    const [proxyPort = 0] = await listenPorts(1);
    let answer = { status: 0, body: '' };
    const { nodeId, resources } = compile(mode, proxyPort);
    await withLiveProxy(plane, nodeId, resources, async () => {
      answer = await httpCall({ port: proxyPort, path: `http://localhost:${outside}/there?a=1`, headers: { host: `localhost:${outside}` } });
    });
    return answer;
  };
  await assertTunnels(plane, outside);
  const open = await through('ALLOW_ANY');
  assert.equal(open.status, 200);
  const { cluster, path, authority } = JSON.parse(open.body) as { readonly cluster: string; readonly path: string; readonly authority: string }; // our own backend's
  assert.deepEqual({ cluster, path, authority }, { cluster: 'outside', path: '/there?a=1', authority: `localhost:${outside}` });
  assert.equal((await through('REGISTRY_ONLY')).status, 502);
}

/** CONNECT as apps with HTTPS_PROXY send it: to any host, to a service of the mesh, and to nobody where the mesh is closed. */
async function assertTunnels(plane: DataPlane, outside: number): Promise<void> {
  const tunnel = async (mode: string, authority: string): Promise<string> => {
    const [proxyPort = 0] = await listenPorts(1);
    const { nodeId, resources } = compile(mode, proxyPort, outside);
    let answer = '';
    await withLiveProxy(plane, nodeId, resources, async () => {
      answer = await throughTunnel(proxyPort, authority);
    });
    return answer;
  };
  assert.match(
    await tunnel('ALLOW_ANY', `localhost:${outside}`),
    /^200 .*"cluster":"outside","endpoint":"localhost","method":"GET","path":"\/inside"/,
  );
  assert.match(await tunnel('REGISTRY_ONLY', 'secure.shop.svc.cluster.local:8443'), /^200 .*"cluster":"outside"/);
  assert.match(await tunnel('REGISTRY_ONLY', `localhost:${outside}`), /^502 $/);
}

/** The status that CONNECT is answered with, and what a request inside the tunnel gets. */
function throughTunnel(port: number, authority: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const connect = request({ host: '127.0.0.1', port, method: 'CONNECT', path: authority, signal: AbortSignal.timeout(10_000) });
    connect.on('error', reject);
    connect.on('connect', ({ statusCode = 0 }, socket) => {
      if (statusCode !== 200) {
        socket.destroy();
        resolve(`${statusCode} `);
        return;
      }
      const inner = request({ createConnection: () => socket, path: '/inside', headers: { host: 'inside.example' } });
      inner.on('error', reject);
      inner.on('response', (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
        response.on('end', () => {
          socket.destroy();
          resolve(`${statusCode} ${body}`);
        });
      });
      inner.end();
    });
    connect.end();
  });
}

function compile(mode: string, httpProxy: number, backend = 1) {
  const text = `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: "{ outboundTrafficPolicy: { mode: ${mode} }, accessLogFile: '' }" }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: secure, namespace: shop }
spec:
  hosts: [secure.shop.svc.cluster.local]
  ports: [{ name: tls, number: 8443, protocol: TLS }]
  resolution: STATIC
  endpoints: [{ address: 127.0.0.1, ports: { tls: ${backend} } }]
`;
  return httpProxyClient(text, httpProxy);
}
