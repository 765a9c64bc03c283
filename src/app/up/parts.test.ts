// The pure parts of `heddle up`: which gateway is added, on which ports it listens, what there is to try, who holds a port.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { type AnyResource, type KindMap, kindNames, type ResourcesByKind } from '#api/kinds.ts';
import { resourceKey } from '#api/resource.ts';
import { portHolder } from '#app/port-holder.ts';
import { missingGateway } from '#app/up/gateway.ts';
import { gatewayPorts, withGatewayPorts } from '#app/up/gateway-ports.ts';
import { tryLine } from '#app/up/state.ts';
import { planPods } from '#runtime/pod-plan.ts';

const at = { file: 'mesh.yaml', line: 1, col: 1 };
const origins = { start: at, at: () => at };

function byKind(...resources: readonly AnyResource[]): ResourcesByKind {
  const all = Object.fromEntries(
    kindNames().map((kind) => [kind, new Map(resources.filter((one) => one.kind === kind).map((one) => [resourceKey(one.metadata), one]))]),
  );
  return all as unknown as ResourcesByKind; // filled for every kind, with resources of that kind only
}

function gateway(
  port: number,
  hosts: readonly string[],
  selector: Readonly<Record<string, string>> = { istio: 'ingressgateway' },
): KindMap['Gateway'] {
  const metadata = { name: 'edge', namespace: 'default', labels: {}, annotations: {} };
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'Gateway',
    metadata,
    origins,
    spec: { selector, servers: [{ port: { number: port, name: 'http', protocol: 'HTTP' }, hosts }] },
  };
}

function ingress(className: string): KindMap['Ingress'] {
  const backend = { service: { name: 'cart', port: { number: 80 } } };
  const metadata = { name: 'shop', namespace: 'default', labels: {}, annotations: { 'kubernetes.io/ingress.class': className } };
  const rules = [{ host: 'shop.example.com', http: { paths: [{ path: '/cart', pathType: 'Prefix' as const, backend }] } }];
  return { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata, origins, spec: { rules } };
}

test('a gateway is added where one is selected and none is there', () => {
  assert.deepEqual(missingGateway(byKind()), []);
  assert.deepEqual(missingGateway(byKind(gateway(80, ['*'], { istio: 'other' }))), []);
  const added = missingGateway(byKind(gateway(80, ['*'])));
  assert.deepEqual(
    added.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`),
    ['Pod istio-system/istio-ingressgateway-0', 'Service istio-system/istio-ingressgateway'],
  );
  assert.deepEqual(missingGateway(byKind(gateway(80, ['*']), ...added)), []);
  assert.deepEqual(missingGateway(byKind(ingress('istio'))), added, 'an Ingress wants one, too');
  assert.deepEqual(missingGateway(byKind(ingress('nginx'))), []);
});

test('the gateway that is added offers every port that its Gateways name', () => {
  const added = missingGateway(byKind(gateway(9000, ['*'])));
  const ports = added.flatMap((one) => (one.kind === 'Service' ? (one.spec.ports ?? []) : []));
  assert.deepEqual(
    ports.map(({ name, port, targetPort }) => [name, port, targetPort]),
    [
      ['http2', 80, 8080],
      ['https', 443, 8443],
      ['http-9000', 9000, 9000],
    ],
  );
  const containers = added.flatMap((one) => (one.kind === 'Pod' ? one.spec.containers : []));
  assert.deepEqual(
    containers.flatMap(({ ports: open = [] }) => open.map(({ containerPort }) => containerPort)),
    [8080, 8443, 9000],
  );
});

test('the first gateway gets the port that was asked for, and ports that no Service maps are its own', () => {
  const resources = byKind(gateway(9000, ['*']), ...missingGateway(byKind(gateway(80, ['*']))));
  const plan = withGatewayPorts(planPods(resources, []), resources);
  const pod = plan.pods.get('istio-system/istio-ingressgateway-0');
  assert.ok(pod !== undefined);
  assert.deepEqual(pod.inbound, [8080, 8443, 9000]);
  assert.deepEqual(gatewayPorts(pod, plan, { http: 8080, isHttpsFree: true }), { 8080: 8080, 8443: 8443 });
  assert.deepEqual(gatewayPorts(pod, plan, { http: 8080, isHttpsFree: false }), { 8080: 8080 });
  assert.deepEqual(gatewayPorts(pod, plan, { http: 9999, isHttpsFree: true }), { 8080: 9999 });
  assert.deepEqual(gatewayPorts(pod, plan, { http: 0, isHttpsFree: true }), {});
});

test('the line to try names a host and a path that are served', () => {
  const url = 'http://127.0.0.1:8080';
  const route: KindMap['VirtualService'] = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'app', namespace: 'default', labels: {}, annotations: {} },
    origins,
    spec: { hosts: ['*'], gateways: ['default/edge'], http: [{ match: [{ uri: { exact: '/' } }, { uri: { prefix: '/shop' } }] }] },
  };
  assert.equal(tryLine(byKind(gateway(80, ['app.example.com']), route), url), "curl -H 'Host: app.example.com' http://127.0.0.1:8080/shop");
  assert.equal(tryLine(byKind(gateway(80, ['*'])), url), 'curl http://127.0.0.1:8080/');
  assert.equal(tryLine(byKind(gateway(80, ['prod/*.example.com'])), url), "curl -H 'Host: www.example.com' http://127.0.0.1:8080/");
  assert.equal(tryLine(byKind(), url), undefined);
  const shop = { ...route, spec: { ...route.spec, hosts: ['shop.example.com'] } };
  assert.equal(tryLine(byKind(gateway(80, ['*.example.com']), shop), url), "curl -H 'Host: shop.example.com' http://127.0.0.1:8080/shop");
  const secure = [{ port: 443, protocol: 'https', address: '127.0.0.1:8443' }];
  const server = { port: { number: 443, name: 'https', protocol: 'HTTPS' }, hosts: ['app.example.com'] };
  const encrypted = { ...gateway(443, []), spec: { selector: { istio: 'ingressgateway' }, servers: [server] } };
  assert.equal(tryLine(byKind(encrypted, route), url, secure), 'curl -k --connect-to ::127.0.0.1:8443 https://app.example.com/shop');
  const redirect = { port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['app.example.com'], tls: { httpsRedirect: true } };
  const both = { ...encrypted, spec: { ...encrypted.spec, servers: [redirect, server] } };
  assert.equal(tryLine(byKind(both, route), url, secure), 'curl -k --connect-to ::127.0.0.1:8443 https://app.example.com/shop');
  assert.equal(tryLine(byKind(gateway(80, ['app.example.com'])), url, secure), "curl -H 'Host: app.example.com' http://127.0.0.1:8080/");
  assert.equal(tryLine(byKind(ingress('istio')), url), "curl -H 'Host: shop.example.com' http://127.0.0.1:8080/cart");
});

test('the holder of a port is found on Linux', { skip: process.platform !== 'linux' && 'reads /proc' }, async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  assert.match(portHolder(address.port) ?? '', new RegExp(`\\(pid ${process.pid}\\)$`));
  await new Promise((resolve) => server.close(resolve));
  assert.equal(portHolder(address.port), undefined);
});
