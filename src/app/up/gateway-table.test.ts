// Which ports of a gateway people are shown.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readText } from '#api/read-text.ts';
import { missingGateway } from '#app/up/gateway.ts';
import { withGatewayPorts } from '#app/up/gateway-ports.ts';
import { openGatewayPorts } from '#app/up/gateway-table.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { planPods } from '#runtime/pod-plan.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';

const text = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  selector: { istio: ingressgateway }
  servers:
    - { port: { number: 80, name: http, protocol: HTTP }, hosts: ['*'] }
    - { port: { number: 9000, name: db, protocol: TCP }, hosts: ['*'] }
    - { port: { number: 443, name: pass, protocol: TLS }, hosts: ['a.example.com'], tls: { mode: PASSTHROUGH } }
    - { port: { number: 9001, name: nowhere, protocol: TCP }, hosts: ['*'] }
    - { port: { number: 9443, name: secret, protocol: HTTPS }, hosts: ['b.example.com'], tls: { mode: SIMPLE, credentialName: b } }
    - port: { number: 9444, name: files, protocol: HTTPS }
      hosts: ['c.example.com']
      tls: { mode: SIMPLE, serverCertificate: /c.pem, privateKey: /k.pem }
    - { port: { number: 9445, name: own, protocol: HTTPS }, hosts: ['d.example.com'], tls: { mode: ISTIO_MUTUAL } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: db }
spec:
  hosts: [a.example.com]
  gateways: [edge]
  tcp: [{ match: [{ port: 9000 }], route: [{ destination: { host: db } }] }]
  tls: [{ match: [{ sniHosts: [a.example.com] }], route: [{ destination: { host: db } }] }]
`;

test('every port that a gateway serves beside plain HTTP is shown with its protocol', () => {
  const written = readText('in.yaml', text).items.flatMap(({ resource }) => resource ?? []);
  const { resources } = nextSnapshot(undefined, [...written, ...missingGateway(nextSnapshot(undefined, written, []).resources)], []);
  const [plan] = withGatewayPorts(planPods(resources, []), resources).pods.values();
  assert.ok(plan !== undefined);
  assert.deepEqual(plan.inbound, [8080, 8443, 9000, 9001, 9443, 9444, 9445]);
  const hostAddresses = Object.fromEntries(plan.inbound.map((port, index) => [port, `127.0.0.1:${20_000 + index}`]));
  const shown = openGatewayPorts(buildMesh({ resources }), [{ plan, network: { hostAddresses } }]);
  assert.deepEqual(
    shown.map(({ port, protocol, address }) => `${port} ${protocol}://${address}`),
    ['443 tls://127.0.0.1:20001', '9000 tcp://127.0.0.1:20002', '9444 https://127.0.0.1:20005', '9445 https://127.0.0.1:20006'],
  );
});
