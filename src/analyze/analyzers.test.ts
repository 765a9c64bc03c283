// What Istio's own cases do not show of the analyzers: places, hints, and the findings that only Heddle has.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Analyzer } from '#analyze/analyzer.ts';
import { analyzers } from '#analyze/analyzers.ts';
import { destinationHost } from '#analyze/destination-host.ts';
import { destinationRuleTarget } from '#analyze/destination-rule-target.ts';
import { destinationSubset } from '#analyze/destination-subset.ts';
import { gatherFacts } from '#analyze/facts.ts';
import { gatewayWorkload } from '#analyze/gateway-workload.ts';
import { handWrittenSidecar } from '#analyze/hand-written-sidecar.ts';
import { serviceSelector } from '#analyze/service-selector.ts';
import { serviceTargetPort } from '#analyze/service-target-port.ts';
import { virtualServiceGateway } from '#analyze/virtual-service-gateway.ts';
import { volumeMounts } from '#analyze/volume-mounts.ts';
import { type AnyResource, kindNames, type ResourcesByKind } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';
import { resourceKey } from '#api/resource.ts';
import { formatDiagnostic } from '#base/diagnostic.ts';

type Document = Readonly<Record<string, unknown>>;

/** What an analyzer says about resources, without file names. The resources are JSON, one a line, so that line numbers name them. */
function says({ run }: Analyzer, ...documents: readonly Document[]): readonly string[] {
  const byKind: Record<string, Map<string, AnyResource>> = Object.fromEntries(kindNames().map((kind) => [kind, new Map()]));
  const { items, syntaxErrors } = readText('f', documents.map((document) => `${JSON.stringify(document)}\n`).join('---\n'));
  const errors = [...syntaxErrors, ...items.flatMap(({ diagnostics }) => diagnostics)].filter(({ severity }) => severity === 'error');
  assert.deepEqual(errors, []);
  for (const { resource } of items) if (resource !== undefined) byKind[resource.kind]?.set(resourceKey(resource.metadata), resource);
  // Every kind was filled above with resources of that kind only.
  return run(gatherFacts(byKind as unknown as ResourcesByKind, 'cluster.local')).map((diagnostic) =>
    formatDiagnostic(diagnostic).replace(/^f:\d+:\d+: /, ''),
  );
}

function istio(kind: string, name: string, spec: unknown, namespace = 'default'): Document {
  return { apiVersion: 'networking.istio.io/v1', kind, metadata: { name, namespace }, spec };
}

function service(name: string, spec: Document, namespace = 'default'): Document {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec };
}

function pod(name: string, labels: Document, containers: readonly Document[], namespace = 'default'): Document {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels }, spec: { containers } };
}

function routeTo(destination: Document, more: Document = {}): Document {
  return istio('VirtualService', 'vs', { hosts: ['example.com'], http: [{ route: [{ destination, ...more }] }] });
}

test('the names of the analyzers are words of their own', () => {
  const names = analyzers.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const name of names) assert.match(name, /^[a-z]+(?:-[a-z]+)*$/);
});

test('a host that is not there: what was meant', () => {
  const reviews = service('reviews', { ports: [{ port: 80, name: 'http' }] });
  assert.deepEqual(says(destinationHost, reviews, routeTo({ host: 'reviews' })), []);
  assert.match(
    says(destinationHost, reviews, routeTo({ host: 'reveiws' })).join(),
    /short name means reveiws\.default\.svc\.cluster\.local.*\n +fix: did you mean reviews\?$/,
  );
  assert.match(
    says(destinationHost, reviews, routeTo({ host: 'reviews.default' })).join(),
    /fix: a name with a dot is not completed: write reviews\.default\.svc\.cluster\.local$/,
  );
  assert.match(
    says(destinationHost, reviews, routeTo({ host: 'reviews.default.svc.cluster.locl' })).join(),
    /fix: did you mean reviews\.default\.svc\.cluster\.local\?$/,
  );
  assert.match(
    says(destinationHost, reviews, routeTo({ host: 'reviews', port: { number: 81 } })).join(),
    /host:port "reviews:81" not found\n +fix: its ports are 80$/,
  );
});

test('a subset that is not there', () => {
  const rule = istio('DestinationRule', 'dr', { host: 'reviews', subsets: [{ name: 'v1' }, { name: 'v2' }] });
  assert.deepEqual(says(destinationSubset, rule, routeTo({ host: 'reviews.default.svc.cluster.local', subset: 'v2' })), []);
  assert.match(
    says(destinationSubset, rule, routeTo({ host: 'reviews', subset: 'v3' })).join(),
    /subset "reviews\+v3" not found\n +fix: did you mean v1\?$/,
  );
  assert.match(says(destinationSubset, rule, routeTo({ host: 'reviews', subset: 'canary' })).join(), /fix: the subsets of .* are v1, v2$/);
  assert.match(
    says(destinationSubset, routeTo({ host: 'reviews', subset: 'v1' })).join(),
    /fix: no DestinationRule defines subsets of reviews\.default/,
  );
});

test('gateways: by name, and by what they serve', () => {
  const gateway = istio('Gateway', 'gw', { servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['default/a.com'] }] }, 'infra');
  const on = (name: string, host: string): Document =>
    istio('VirtualService', 'vs', { hosts: [host], gateways: [name, 'mesh'], http: [{ route: [{ destination: { host: 'a' } }] }] });
  assert.deepEqual(says(virtualServiceGateway, gateway, on('infra/gw', 'a.com')), []);
  assert.match(
    says(virtualServiceGateway, gateway, on('gw', 'a.com')).join(),
    /gateway "gw" not found\n +fix: gw means default\/gw; write infra\/gw$/,
  );
  assert.match(says(virtualServiceGateway, gateway, on('infra/gw', 'b.com')).join(), /IST0132.*\n.*\n +fix: it serves a\.com$/);
});

test('gateway workloads: the default ingress gateway counts as there', () => {
  const gateway = (selector: Document, number: number): Document =>
    istio('Gateway', 'gw', { selector, servers: [{ port: { number, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }] });
  assert.deepEqual(says(gatewayWorkload, gateway({ istio: 'ingressgateway' }, 80)), []);
  assert.match(says(gatewayWorkload, gateway({ istio: 'ingressgateway' }, 8081)).join(), /IST0162/);
  assert.match(says(gatewayWorkload, gateway({ istio: 'ingresgateway' }, 80)).join(), /IST0101.*not found/);
  const own = pod('gw', { my: 'gw' }, [{ name: 'istio-proxy', image: 'auto' }]);
  const front = service('gw', { selector: { my: 'gw' }, ports: [{ port: 80, targetPort: 8080 }] });
  assert.deepEqual(says(gatewayWorkload, gateway({ my: 'gw' }, 8080), own, front), []);
});

test('a Service without Pods names the Pod that was nearly picked', () => {
  const hello = service('hello', { selector: { app: 'hello' }, ports: [{ port: 80, targetPort: 8080 }] });
  const app = { name: 'app', ports: [{ containerPort: 8080 }] };
  assert.deepEqual(says(serviceSelector, hello, pod('a', { app: 'hello', x: 'y' }, [app])), []);
  assert.deepEqual(says(serviceSelector, service('ext', { type: 'ExternalName', externalName: 'a.com' }), service('manual', {})), []);
  assert.match(says(serviceSelector, hello).join(), /fix: give a Pod of namespace default the labels app: hello$/);
  assert.match(
    says(serviceSelector, hello, pod('hello-1', {}, [app]), pod('other', {}, [app])).join(),
    /fix: Pod default\/hello-1 lacks label app: hello/,
  );
  assert.match(says(serviceSelector, hello, pod('x', { app: 'helo' }, [{ name: 'hello' }])).join(), /lacks label app: hello \(it has app: helo\)/);
  assert.match(says(serviceSelector, hello, pod('x', { App: 'hello' }, [app])).join(), /lacks label app: hello \(it has App: hello\)/);
  assert.match(
    says(serviceSelector, hello, pod('x', { app: 'hello' }, [app], 'other')).join(),
    /Pod other\/x has the labels, but is in namespace other/,
  );
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 's', namespace: 'default', labels: { 'kubernetes.io/service-name': 'hello' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.0.0.1'] }],
  };
  assert.deepEqual(says(serviceSelector, hello, slice), []);
});

test('target ports: by number where the Pod declares some, by name always', () => {
  const declares = pod('a', { app: 'a' }, [{ name: 'app', ports: [{ name: 'web', containerPort: 8080 }] }]);
  const silent = pod('a', { app: 'a' }, [{ name: 'app' }]);
  const to = (targetPort: unknown): Document => service('a', { selector: { app: 'a' }, ports: [{ port: 80, targetPort }] });
  assert.deepEqual(
    [...says(serviceTargetPort, to(8080), declares), ...says(serviceTargetPort, to('web'), declares), ...says(serviceTargetPort, to(9090), silent)],
    [],
  );
  assert.match(says(serviceTargetPort, to(9090), declares).join(), /^warning \[HDL0021\].*\n.*\n +fix: they declare web \(8080\)$/);
  assert.match(says(serviceTargetPort, to('wbe'), declares).join(), /^error \[HDL0021\]/);
  assert.match(says(serviceTargetPort, to('web'), silent).join(), /^error \[HDL0021\]/);
});

test('a sidecar that injection wrote, or will write, is none by hand', () => {
  const withProxy = (proxy: Document): readonly string[] =>
    says(handWrittenSidecar, pod('a', {}, [{ name: 'app' }, { name: 'istio-proxy', ...proxy }]));
  assert.deepEqual([...withProxy({ image: 'auto' }), ...withProxy({ image: 'istio/proxyv2', args: ['proxy', 'sidecar'] }), ...withProxy({})], []);
  assert.match(withProxy({ image: 'istio/proxyv2' }).join(), /HDL0022/);
});

test('destination rules: the host, and who belongs to a subset', () => {
  const reviews = service('reviews', { selector: { app: 'reviews' }, ports: [{ port: 80 }] });
  const v1 = pod('a', { app: 'reviews', version: 'v1' }, [{ name: 'app' }]);
  const rule = (host: string, version: string): Document => istio('DestinationRule', 'dr', { host, subsets: [{ name: 's', labels: { version } }] });
  assert.deepEqual([...says(destinationRuleTarget, reviews, v1, rule('reviews', 'v1')), ...says(destinationRuleTarget, rule('*.com', 'v1'))], []);
  assert.match(
    says(destinationRuleTarget, reviews, v1, rule('reviews', 'v2')).join(),
    /IST0173.*none has app: reviews, version: v2\n +fix: the Pods of .* have: app: reviews, version: v1$/,
  );
  assert.match(says(destinationRuleTarget, reviews, rule('reveiws', 'v1')).join(), /IST0174.*\n +fix: did you mean reviews\.default/);
});

test('a mounted volume is said, an unused one is not', () => {
  const spec = {
    containers: [{ name: 'app', volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
    volumes: [{ name: 'data', emptyDir: {} }, { name: 'spare' }],
  };
  const found = says(volumeMounts, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec });
  assert.equal(found.length, 1);
  assert.match(found.join(), /^info \[HDL0013\] Pod default\/a: run locally, container app does not get the volume data at \/data/);
});
