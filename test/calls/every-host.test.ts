// A ServiceEntry for every host of a domain (DYNAMIC_DNS): each request goes where DNS says that its own host is. The hosts are addresses here,
// which need no DNS. The same on both data planes.
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Backends } from '#test/calls/backends.ts';
import { httpProxyClient } from '#test/calls/http-proxy-client.ts';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { withCertificates } from '#test/support/case-certificates.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { httpCall } from '#test/support/http-call.ts';
import { listenPorts } from '#test/support/listen-ports.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

test('a ServiceEntry for every host of a domain: embedded proxy', () => run({ kind: 'embedded' }));

envoyTest('a ServiceEntry for every host of a domain: Envoy', (binary) => run({ kind: 'envoy', binary }));

test('a ServiceEntry for every host of a domain, with TLS: embedded proxy', () => runWithTls({ kind: 'embedded' }));

envoyTest('a ServiceEntry for every host of a domain, with TLS: Envoy', (binary) => runWithTls({ kind: 'envoy', binary }));

/** Both hosts show one certificate, which is for the first alone. */
async function runWithTls(plane: DataPlane): Promise<void> {
  const { certificates } = withCertificates('', { one: { for: ['IP:127.0.0.1'] } });
  await using folder = await temporaryFolder({ 'roots.pem': certificates.roots });
  const { certificate, key } = certificates.pair('one');
  const servers = [createServer({ cert: certificate, key }), createServer({ cert: certificate, key })] as const;
  for (const server of servers) server.on('request', (_request, response: ServerResponse) => response.end('there'));
  try {
    await new Promise<void>((resolve) => void servers[0].listen(0, '127.0.0.1', resolve));
    // A TCP server has a port.
    const { port } = servers[0].address() as AddressInfo;
    await new Promise<void>((resolve, reject) => void servers[1].once('error', reject).listen(port, '127.1.0.1', resolve));
    const [httpProxy = 0] = await listenPorts(1);
    const { nodeId, resources } = compile(httpProxy, port, '*.0.1', `{ mode: SIMPLE, caCertificates: ${folder.path}/roots.pem }`);
    await withLiveProxy(plane, nodeId, resources, async () => {
      const ask = (host: string) => httpCall({ port: httpProxy, path: `http://${host}:${port}/`, headers: { host: `${host}:${port}` } });
      const first = await ask('127.0.0.1');
      assert.deepEqual([first.status, first.body], [200, 'there']);
      assert.equal((await ask('127.1.0.1')).status, 503, 'a certificate for another host');
    });
  } finally {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  }
}

async function run(plane: DataPlane): Promise<void> {
  await using backends = new Backends();
  const outside = await backends.start('outside', '127.0.0.1');
  const [httpProxy = 0] = await listenPorts(1);
  const { nodeId, resources } = compile(httpProxy, outside);
  await withLiveProxy(plane, nodeId, resources, async () => {
    const ask = (host: string) => httpCall({ port: httpProxy, path: `http://${host}:${outside}/there`, headers: { host: `${host}:${outside}` } });
    const inside = await ask('127.0.0.1');
    assert.equal(inside.status, 200);
    assert.match(inside.body, /"cluster":"outside"/);
    assert.equal((await ask('127.1.1.1')).status, 502, 'a host of no domain that the mesh knows');
  });
}

/** The mesh is closed but for the hosts of `domain`, on the backend's port. */
function compile(httpProxy: number, backend: number, domain = '*.0.0.1', tls = '{ mode: DISABLE }') {
  const text = `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: "{ outboundTrafficPolicy: { mode: REGISTRY_ONLY }, accessLogFile: '' }" }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: every, namespace: shop }
spec:
  hosts: ['${domain}']
  location: MESH_EXTERNAL
  resolution: DYNAMIC_DNS
  ports: [{ name: http, number: ${backend}, protocol: HTTP }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: every, namespace: shop }
spec: { host: '${domain}', trafficPolicy: { tls: ${tls} } }
`;
  return httpProxyClient(text, httpProxy);
}
