// Which virtual service decides about a host for which client, on which port; what is left out, and what is said of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldsWithoutEffect } from '#api/effect.ts';
import type { AnyResource } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import type { RouteConfiguration } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Mesh } from '#model/mesh.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';

type Options = {
  readonly port?: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly dnsDomain?: string;
};

const services = `
apiVersion: v1
kind: Service
metadata: { name: one, namespace: default }
spec: { clusterIP: 10.0.0.1, ports: [{ name: http, port: 80 }, { name: http-alt, port: 8080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: two, namespace: default }
spec: { clusterIP: 10.0.0.2, ports: [{ name: http, port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: bytes, namespace: default }
spec: { clusterIP: 10.0.0.3, ports: [{ name: tcp, port: 80 }] }
`;

function virtualService(name: string, spec: string, metadata = ''): string {
  return `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: ${name}, namespace: default ${metadata} }\nspec: ${spec}`;
}

function resourcesOf(texts: readonly string[]): readonly AnyResource[] {
  return readText('mesh.yaml', texts.join('\n---\n')).items.flatMap(({ resource }) => resource ?? []);
}

function meshOf(texts: readonly string[]): Mesh {
  return buildMesh(nextSnapshot(undefined, resourcesOf(texts), []));
}

/** Virtual hosts of a sidecar's route table, each with the names of its routes, or the cluster of a route without one. */
function hosts(texts: readonly string[], options: Options = {}): Readonly<Record<string, readonly string[]>> {
  const table = routeTable(meshOf([services, ...texts]), options);
  return Object.fromEntries(table.virtualHosts.map(({ name, routes }) => [name, routes.map((route) => route.name)]));
}

function routeTable(mesh: Mesh, { port = '80', namespace = 'default', labels = {}, dnsDomain }: Options): RouteConfiguration {
  const compiled = new MeshCompiler(mesh).compile({
    type: 'sidecar',
    name: 'app',
    namespace,
    nodeId: `sidecar~1.1.1.1~app.${namespace}~${namespace}.svc.cluster.local`,
    addresses: ['1.1.1.1'],
    labels,
    dnsDomain: dnsDomain ?? `${namespace}.svc.cluster.local`,
    interception: { kind: 'redirect' },
    explainFailures: false,
  });
  const message = compiled.resources.get(typeUrls.route)?.get(port)?.message;
  assert.ok(message, `no routes of port ${port}`);
  return message as RouteConfiguration; // what resources of this type are
}

const to = (name: string, host = 'one'): string => `{ name: ${name}, route: [{ destination: { host: ${host} } }] }`;

test('the exact host before a wildcard, whatever is older; the longer wildcard before the shorter', () => {
  const texts = [
    virtualService('short', `{ hosts: ['*.cluster.local'], http: [${to('short')}] }`, ", creationTimestamp: '2020-01-01T00:00:00Z'"),
    virtualService('long', `{ hosts: ['*.svc.cluster.local'], http: [${to('long')}] }`, ", creationTimestamp: '2021-01-01T00:00:00Z'"),
    virtualService('exact', `{ hosts: [one], http: [${to('exact')}] }`, ", creationTimestamp: '2022-01-01T00:00:00Z'"),
  ];
  assert.deepEqual(hosts(texts), {
    'one.default.svc.cluster.local:80': ['exact'],
    'two.default.svc.cluster.local:80': ['long'],
    allow_any: ['allow_any'],
  });
});

test('the older of two for one host; the other one where the older says nothing to the caller', () => {
  const texts = [
    virtualService(
      'b',
      `{ hosts: [one], http: [{ match: [{ sourceLabels: { team: red } }], ${to('older').slice(2)}] }`,
      ", creationTimestamp: '2020-01-01T00:00:00Z'",
    ),
    virtualService('a', `{ hosts: [one], http: [${to('younger')}] }`, ", creationTimestamp: '2021-01-01T00:00:00Z'"),
  ];
  assert.deepEqual(hosts(texts, { labels: { team: 'red' } })['one.default.svc.cluster.local:80'], ['older']);
  assert.deepEqual(hosts(texts, { labels: { team: 'blue' } })['one.default.svc.cluster.local:80'], ['younger']);
});

test('where the one with the exact host says nothing, the service is asked, not a wildcard', () => {
  const texts = [
    virtualService('exact', `{ hosts: [one], http: [{ match: [{ gateways: [edge] }], ${to('edge').slice(2)}] }`),
    virtualService('wild', `{ hosts: ['*.default.svc.cluster.local'], http: [${to('wild')}] }`),
  ];
  assert.deepEqual(hosts(texts)['one.default.svc.cluster.local:80'], ['default']);
  assert.deepEqual(hosts(texts)['two.default.svc.cluster.local:80'], ['wild']);
});

test('a host that no service has is routed on port 80, and on others beside a service of the same rules', () => {
  const alone = virtualService('alone', `{ hosts: [nobody.example.com], http: [${to('alone')}] }`);
  const beside = virtualService('beside', `{ hosts: [one, other.example.com], http: [${to('beside')}] }`);
  assert.deepEqual(Object.keys(hosts([alone, beside])), [
    'nobody.example.com:80',
    'one.default.svc.cluster.local:80',
    'other.example.com:80',
    'two.default.svc.cluster.local:80',
    'allow_any',
  ]);
  assert.deepEqual(Object.keys(hosts([alone, beside], { port: '8080' })), [
    'one.default.svc.cluster.local:8080',
    'other.example.com:8080',
    'allow_any',
  ]);
});

test('a host may be an address: requests that name it are routed, with the port or without', () => {
  const text = virtualService('address', `{ hosts: [192.0.2.7], http: [${to('address')}] }`);
  const table = routeTable(meshOf([services, text]), {});
  const host = table.virtualHosts.find(({ name }) => name === '192.0.2.7:80');
  assert.deepEqual([host?.domains, host?.routes.map(({ name }) => name)], [['192.0.2.7'], ['address']]);
  assert.equal(table.ignorePortInHostMatching, true);
});

test('a host of a service without that port is a name like any other; one whose port speaks no HTTP is not', () => {
  const texts = [
    virtualService('alt', `{ hosts: [two], http: [${to('two')}] }`),
    virtualService('bytes', `{ hosts: [bytes], http: [${to('bytes')}] }`),
  ];
  assert.deepEqual(Object.keys(hosts(texts, { port: '8080' })), ['one.default.svc.cluster.local:8080', 'allow_any']);
  assert.deepEqual(Object.keys(hosts(texts)), ['one.default.svc.cluster.local:80', 'two.default.svc.cluster.local:80', 'allow_any']);
});

test('a match for another port does not count; without any left the service is asked', () => {
  const texts = [virtualService('port', `{ hosts: [one], http: [{ match: [{ port: 8080 }], ${to('alt').slice(2)}] }`)];
  assert.deepEqual(hosts(texts)['one.default.svc.cluster.local:80'], ['default']);
  assert.deepEqual(hosts(texts, { port: '8080' })['one.default.svc.cluster.local:8080'], ['alt']);
});

test('nothing is sent of what stands behind a catch-all, be it a rule without a match, a prefix / or an expression for everything', () => {
  for (const match of ['', 'match: [{ uri: { prefix: / } }],', "match: [{ uri: { regex: '.*' } }],", 'match: [{ port: 80 }],']) {
    const texts = [
      virtualService(
        'all',
        `{ hosts: [one], http: [${to('first')}, { name: second, route: [{ destination: { host: one } }] }] }`.replace(
          '{ name: first,',
          `{ name: first, ${match}`,
        ),
      ),
    ];
    assert.deepEqual(hosts(texts)['one.default.svc.cluster.local:80'], ['first'], match);
  }
});

test('without an exportTo a virtual service is seen where MeshConfig says', () => {
  const config =
    'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: istio, namespace: istio-system }\ndata: { mesh: "defaultVirtualServiceExportTo: [.]" }';
  const texts = [config, virtualService('own', `{ hosts: [one], http: [${to('own')}] }`)];
  assert.deepEqual(hosts(texts)['one.default.svc.cluster.local:80'], ['own']);
  assert.deepEqual(hosts(texts, { namespace: 'other' })['one.default.svc.cluster.local:80'], ['default']);
});

test('a match that asks for claims of a token knows their path, and what must not be there', () => {
  const spec = `{ hosts: [one], gateways: [edge], http: [{ name: claimed, match: [{ withoutHeaders: { '@request.auth.claims[group][id]': { exact: a } } }], ${to('x').slice(11)}, ${to('rest')}] }`;
  const mesh = meshOf([services, virtualService('claims', spec)]);
  const [claim] = mesh.virtualServices[0]?.http[0]?.matches[0]?.claims ?? [];
  assert.deepEqual([claim?.path, claim?.isExcluded, claim?.match], [['group', 'id'], true, { kind: 'exact', value: 'a' }]);
  assert.deepEqual(codes(mesh.diagnostics), ['IST0101']);
});

test('an ExternalName Service is a name of the service it stands for, also where rules send requests to it', () => {
  const texts = [
    'apiVersion: v1\nkind: Service\nmetadata: { name: nick, namespace: default }\nspec: { type: ExternalName, externalName: two.default.svc.cluster.local, ports: [{ name: http, port: 80 }] }',
    virtualService('to-nick', `{ hosts: [one], http: [${to('nick', 'nick')}] }`),
  ];
  const table = routeTable(meshOf([services, ...texts]), {});
  const [route] = table.virtualHosts.find(({ name }) => name.startsWith('one.'))?.routes ?? [];
  assert.deepEqual(route?.action.case === 'route' ? route.action.value.clusterSpecifier : undefined, {
    case: 'cluster',
    value: 'outbound|80||two.default.svc.cluster.local',
  });
  assert.ok(table.virtualHosts.find(({ name }) => name.startsWith('two.'))?.domains.includes('nick.default'));
});

test('fields that have no effect in Istio either are read over with a warning', () => {
  const fault = 'fault: { delay: { exponentialDelay: 2s }, abort: { http2Error: X } }';
  const [resource] = resourcesOf([virtualService('faults', `{ hosts: [one], http: [{ ${fault}, ${to('x').slice(2)}] }`)]);
  assert.ok(resource);
  assert.deepEqual(
    fieldsWithoutEffect(resource).map(({ code, message }) => `${code} ${message}`),
    ['HDL0012 spec.http[0].fault.delay.exponentialDelay has no effect', 'HDL0012 spec.http[0].fault.abort.http2Error has no effect'],
  );
});

function codes(diagnostics: readonly Diagnostic[]): readonly string[] {
  return diagnostics.map(({ code }) => code).sort();
}
