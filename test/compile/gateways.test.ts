// Which servers of which Gateways a proxy is told to serve: merging, precedence, server names, addresses, certificates; and what a change costs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMessage } from '@bufbuild/protobuf';
import type { AnyResource } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';
import { refusalDiagnostics } from '#app/refusal.ts';
import { CompileCache } from '#compile/compile-cache.ts';
import type { Compiled } from '#compile/compiled.ts';
import type { GatewayCredentials } from '#compile/gateway-credentials.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import { unpackExtension } from '#decide/extension.ts';
import { ClusterLoadAssignmentSchema } from '#envoy/gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { type Listener, ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { HttpConnectionManagerSchema } from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { TcpProxySchema } from '#envoy/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { type DownstreamTlsContext, DownstreamTlsContextSchema } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import { BuildMemo } from '#model/build/build-memo.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Interception, Proxy } from '#model/proxy.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';
import { anyCredential } from '#test/support/any-credential.ts';
import { type Leaf, startAuthority } from '#test/support/certificates.ts';

function edgeProxy(interception: Interception): Proxy {
  return {
    type: 'router',
    name: 'edge-0',
    namespace: 'edge',
    nodeId: 'router~192.0.2.1~edge-0.edge~edge.svc.cluster.local',
    addresses: ['192.0.2.1'],
    labels: { istio: 'ingressgateway' },
    dnsDomain: 'edge.svc.cluster.local',
    interception,
    explainFailures: false,
  };
}

function read(...documents: readonly string[]): readonly AnyResource[] {
  const items = readText('in.yaml', documents.join('\n---\n')).items;
  assert.deepEqual(
    items.flatMap(({ diagnostics }) => diagnostics.filter(({ severity }) => severity === 'error')),
    [],
  );
  return items.flatMap(({ resource }) => resource ?? []);
}

type Options = { readonly credentials?: GatewayCredentials; readonly interception?: Interception; readonly withoutIdentity?: true };

function compile(documents: readonly string[], { credentials, interception = { kind: 'redirect' }, withoutIdentity }: Options = {}): Compiled {
  const mesh = buildMesh(nextSnapshot(undefined, read(...documents), []));
  const proxy = { ...edgeProxy(interception), ...(withoutIdentity === true && { withoutIdentity }) };
  return new MeshCompiler(mesh, new CompileCache(), credentials).compile(proxy);
}

/** `server` lines are flow YAML. */
function gateway(name: string, servers: readonly string[], more = ''): string {
  return `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: ${name}, namespace: team${more} }
spec: { selector: { istio: ingressgateway }, servers: [${servers.join(', ')}] }`;
}

function server(number: number, protocol: string, hosts: string, more = ''): string {
  const name = `${protocol.toLowerCase()}-${hosts.replace(/[^a-z]/g, '')}`;
  return `{ port: { number: ${number}, name: '${name}', protocol: ${protocol} }, hosts: [${hosts}]${more} }`;
}

function virtualService(name: string, host: string, gatewayName: string, rules: string): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: team }
spec: { hosts: ['${host}'], gateways: [${gatewayName}], ${rules} }`;
}

const simple = ', tls: { mode: SIMPLE, credentialName: c }';
const passthrough = ', tls: { mode: PASSTHROUGH }';
const toApp = 'tcp: [{ route: [{ destination: { host: app.team.svc.cluster.local, port: { number: 1 } } }] }]';

function tlsTo(name: string, sni: string): string {
  return `tls: [{ match: [{ sniHosts: ['${sni}'] }], route: [{ destination: { host: ${name}.team.svc.cluster.local, port: { number: 1 } } }] }]`;
}

function listeners({ resources }: Compiled): readonly Listener[] {
  return [...(resources.get(typeUrls.listener)?.values() ?? [])].map(({ message }) => {
    if (!isMessage(message, ListenerSchema)) throw new Error('no listener');
    return message;
  });
}

/** `listener [names] routes` or `listener [names] > clusters`, with `tls` where TLS ends there. */
function shape(compiled: Compiled): readonly string[] {
  return listeners(compiled).flatMap(({ name, filterChains }) =>
    filterChains.map(({ filterChainMatch, filters, transportSocket }) => {
      const names = filterChainMatch?.serverNames.join(',') ?? '';
      return `${name} [${names}]${transportSocket === undefined ? '' : ' tls'} ${contentOf(filters[0]?.configType)}`;
    }),
  );
}

function contentOf(config: Listener['filterChains'][number]['filters'][number]['configType'] | undefined): string {
  const message = config?.case === 'typedConfig' ? unpackExtension(config.value) : undefined;
  if (message !== undefined && isMessage(message, HttpConnectionManagerSchema)) {
    return message.routeSpecifier.case === 'rds' ? message.routeSpecifier.value.routeConfigName : '?';
  }
  if (message === undefined || !isMessage(message, TcpProxySchema)) return '?';
  const { clusterSpecifier: to } = message;
  return `> ${to.case === 'cluster' ? to.value : to.case === 'weightedClusters' ? to.value.clusters.map((one) => one.name).join(' ') : '?'}`;
}

function findings({ diagnostics }: Compiled): readonly string[] {
  return diagnostics.map(({ code, at }) => `${code} ${at?.line}`);
}

test('plain HTTP servers of all Gateways share the routes of a port, whatever HTTP it is', () => {
  const compiled = compile([
    gateway('a', [server(80, 'HTTP', "'a.com'")]),
    gateway('b', [server(80, 'HTTP2', "'b.com'"), server(80, 'GRPC', "'c.com'")]),
  ]);
  assert.deepEqual(shape(compiled), ['0.0.0.0_80 [] http.80']);
  assert.deepEqual(findings(compiled), []);
});

test('of servers with different protocols on a port the older one stays, then the first by name', () => {
  const http = gateway('b', [server(80, 'HTTP', "'*'")]);
  const tcp = gateway('a', [server(80, 'TCP', "'*'")]);
  const bound = virtualService('app', '*', 'a', toApp);
  const byName = compile([http, tcp, bound]);
  assert.deepEqual(shape(byName), ['0.0.0.0_80 [] > outbound|1||app.team.svc.cluster.local']);
  assert.deepEqual(findings(byName), ['HDL0032 4']);
  const old = (age: string): string => `, creationTimestamp: '${age}'`;
  const byAge = compile([
    gateway('b', [server(80, 'HTTP', "'*'")], old('2020-01-01T00:00:00Z')),
    gateway('a', [server(80, 'TCP', "'*'")], old('2021-01-01T00:00:00Z')),
    bound,
  ]);
  assert.deepEqual(shape(byAge), ['0.0.0.0_80 [] http.80']);
  assert.deepEqual(findings(byAge), ['HDL0032 9']);
});

test('the same port at another address is another listener with routes of its own', () => {
  const compiled = compile([gateway('a', [server(80, 'HTTP', "'*'"), server(80, 'HTTP', "'b.com'", ', bind: 192.0.2.9')])]);
  assert.deepEqual(shape(compiled), ['0.0.0.0_80 [] http.80', '192.0.2.9_80 [] http.80.192.0.2.9']);
});

test('where all addresses are one the first server of a port has it', () => {
  const interception = { kind: 'none' as const, address: '127.0.0.1', inbound: { 80: { listen: 20_080 } }, outbound: {} };
  const compiled = compile([gateway('a', [server(80, 'HTTP', "'*'"), server(80, 'HTTP', "'b.com'", ', bind: 192.0.2.9')])], { interception });
  assert.deepEqual(shape(compiled), ['0.0.0.0_80 [] http.80']);
  assert.deepEqual(
    listeners(compiled).map(({ address }) => (address?.address.case === 'socketAddress' ? address.address.value.portSpecifier.value : undefined)),
    [20_080],
  );
  assert.deepEqual(findings(compiled), ['HDL0032 4']);
});

test('servers that end TLS are told apart by server name, each with routes of its own', () => {
  const edge = gateway('a', [server(443, 'HTTPS', "'x.com', 'team/*.x.com', '*/y.com'", simple), server(443, 'HTTPS', "'*'", simple)]);
  const compiled = compile([edge], { credentials: anyCredential });
  assert.deepEqual(shape(compiled), [
    '0.0.0.0_443 [*.x.com,x.com,y.com] tls https.443.https-xcomteamxcomycom.a.team',
    '0.0.0.0_443 [] tls https.443.https-.a.team',
  ]);
  assert.equal(listeners(compiled)[0]?.listenerFilters[0]?.name, 'envoy.filters.listener.tls_inspector');
  assert.deepEqual(
    [...(compiled.resources.get(typeUrls.route)?.keys() ?? [])],
    ['https.443.https-xcomteamxcomycom.a.team', 'https.443.https-.a.team'],
  );
});

test('a server name belongs to the first server that has it, with or without a namespace', () => {
  const [a, b, c] = ["'x.com'", "'x.com', 'y.com'", "'team/x.com'"].map((hosts, index) =>
    gateway(`g${index}`, [server(443, 'HTTPS', hosts, simple)]),
  );
  const compiled = compile([a ?? '', b ?? '', c ?? ''], { credentials: anyCredential });
  assert.deepEqual(shape(compiled), ['0.0.0.0_443 [x.com] tls https.443.https-xcom.g0.team']);
  assert.deepEqual(findings(compiled), ['HDL0032 9', 'HDL0033 14']);
});

test('TLS that is passed through goes where tls rules say; the rest of the port is closed', () => {
  const edge = gateway('a', [server(443, 'TLS', "'*.x.com'", passthrough), server(444, 'TLS', "'*.y.com'", passthrough)]);
  const rules = [
    virtualService('one', 'one.x.com', 'a', tlsTo('one', 'one.x.com')),
    virtualService('two', '*.two.x.com', 'a', tlsTo('two', '*.two.x.com')),
    virtualService('again', 'one.x.com', 'a', tlsTo('two', 'one.x.com')),
    virtualService('other', 'other.org', 'a', tlsTo('other', 'other.org')),
  ];
  const compiled = compile([edge, ...rules]);
  assert.deepEqual(shape(compiled), [
    '0.0.0.0_443 [one.x.com] > outbound|1||two.team.svc.cluster.local',
    '0.0.0.0_443 [*.two.x.com] > outbound|1||two.team.svc.cluster.local',
  ]);
  assert.deepEqual(findings(compiled), ['HDL0033 9']);
});

test('TLS that needs what the proxy cannot be given is closed, and what stands beside it works', () => {
  const edge = gateway('a', [
    server(443, 'HTTPS', "'x.com'", simple),
    server(443, 'TLS', "'*.pass.com'", passthrough),
    server(80, 'HTTP', "'*'"),
    server(8443, 'HTTPS', "'m.com'", ', tls: { mode: ISTIO_MUTUAL }'),
    server(9443, 'HTTPS', "'n.com'", ', tls: { mode: SIMPLE, credentialName: "vault://n" }'),
  ]);
  const documents = [edge, virtualService('pass', 'a.pass.com', 'a', tlsTo('pass', 'a.pass.com'))];
  const compiled = compile(documents, { withoutIdentity: true });
  assert.deepEqual(shape(compiled), [
    '0.0.0.0_443 [x.com] > BlackHoleCluster',
    '0.0.0.0_443 [a.pass.com] > outbound|1||pass.team.svc.cluster.local',
    '0.0.0.0_80 [] http.80',
  ]);
  assert.deepEqual(findings(compiled), ['HDL0030 4', 'HDL0030 4', 'HDL0030 4']);
  assert.deepEqual(
    compiled.diagnostics.map(({ message }) => message.replace(/.*, as /, '')),
    ['Secret edge/c was not found', 'its proxy has no identity of the mesh', 'credential vault://n has no known form'],
  );
});

function tlsContextOf(tls: string, options: Options = {}): DownstreamTlsContext {
  const [listener] = listeners(compile([gateway('a', [server(443, 'HTTPS', "'x.com'", tls)])], options));
  const socket = listener?.filterChains[0]?.transportSocket?.configType;
  const context = socket?.case === 'typedConfig' ? unpackExtension(socket.value) : undefined;
  assert.ok(context !== undefined && isMessage(context, DownstreamTlsContextSchema));
  return context;
}

test('certificates in files: versions, suites, clients that must show one', () => {
  const tls = `, tls: { mode: MUTUAL, serverCertificate: /c.pem, privateKey: /k.pem, caCertificates: /ca.pem, minProtocolVersion: TLSV1_3,
    cipherSuites: [ECDHE-RSA-AES128-GCM-SHA256, NONSENSE, ECDHE-RSA-AES128-GCM-SHA256], subjectAltNames: [client.x.com], caCrl: /crl.pem }`;
  const context = tlsContextOf(tls, { withoutIdentity: true });
  assert.equal(context.requireClientCertificate, true);
  const { tlsCertificates, tlsParams, validationContextType: validation, alpnProtocols } = context.commonTlsContext ?? {};
  assert.deepEqual(tlsCertificates?.[0]?.privateKey?.specifier, { case: 'filename', value: '/k.pem' });
  assert.deepEqual(tlsParams?.cipherSuites, ['ECDHE-RSA-AES128-GCM-SHA256']);
  assert.equal(tlsParams?.tlsMinimumProtocolVersion, 4);
  assert.deepEqual(alpnProtocols, ['h2', 'http/1.1']);
  assert.ok(validation?.case === 'validationContext');
  assert.equal(validation.value.matchTypedSubjectAltNames.length, 4);
  assert.deepEqual(validation.value.crl?.specifier, { case: 'filename', value: '/crl.pem' });
});

test('certificates in files are watched by the agent of a proxy that has one', () => {
  const tls =
    ', tls: { mode: MUTUAL, tlsCertificates: [{ serverCertificate: /c.pem, privateKey: /k.pem }, { serverCertificate: /a~b.pem, privateKey: /k }],';
  const context = tlsContextOf(`${tls} caCertificates: /ca.pem }`).commonTlsContext;
  assert.deepEqual(
    context?.tlsCertificateSdsSecretConfigs.map(({ name }) => name),
    ['file-cert:/c.pem~/k.pem'],
  );
  assert.deepEqual(
    context?.tlsCertificates.map(({ certificateChain }) => certificateChain?.specifier.value),
    ['/a~b.pem'],
    'such a name has no place',
  );
  const validation = context?.validationContextType;
  assert.ok(validation?.case === 'combinedValidationContext');
  assert.equal(validation.value.validationContextSdsSecretConfig?.name, 'file-root:/ca.pem');
});

test('the name of a server is the prefix of its statistics', () => {
  const tls = ', name: front, tls: { mode: SIMPLE, serverCertificate: /c.pem, privateKey: /k.pem }';
  const [listener] = listeners(compile([gateway('a', [server(443, 'HTTPS', "'x.com'", tls)])]));
  const config = listener?.filterChains[0]?.filters[0]?.configType;
  const manager = config?.case === 'typedConfig' ? unpackExtension(config.value) : undefined;
  assert.ok(manager !== undefined && isMessage(manager, HttpConnectionManagerSchema));
  assert.equal(manager.statPrefix, 'front');
});

test('defaultEndpoint is read over with a warning', () => {
  const text = gateway('a', [server(80, 'HTTP', "'*'", ', defaultEndpoint: 127.0.0.1:80')]);
  const { items } = readText('in.yaml', text);
  assert.deepEqual(
    items.flatMap(({ diagnostics }) => diagnostics.map(({ code, message }) => `${code} ${message}`)),
    ['HDL0012 spec.servers[0].defaultEndpoint has no effect yet'],
  );
  assert.deepEqual(shape(compile([text])), ['0.0.0.0_80 [] http.80']);
});

test('AUTO_PASSTHROUGH: a chain and a cluster for each service that its hosts cover, with endpoints that take mutual TLS only', () => {
  const edge = gateway('a', [server(15443, 'TLS', "'*.team.svc.cluster.local'", ', tls: { mode: AUTO_PASSTHROUGH }')]);
  const service = (namespace: string): string => `apiVersion: v1
kind: Service
metadata: { name: app, namespace: ${namespace} }
spec: { selector: { app: app }, ports: [{ name: http, port: 80, targetPort: 8080 }, { name: dns, port: 53, protocol: UDP }] }`;
  const pod = (name: string, labels: string): string => `apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: team, labels: { app: app${labels} } }
spec: { containers: [{ name: app, image: app, ports: [{ containerPort: 8080 }] }] }`;
  const compiled = compile([edge, service('team'), service('else'), pod('plain', ''), pod('mutual', ', security.istio.io/tlsMode: istio')]);
  const name = 'outbound_.80_._.app.team.svc.cluster.local';
  assert.deepEqual(shape(compiled), [`0.0.0.0_15443 [${name}] > ${name}`]);
  const protocols = listeners(compiled)[0]?.filterChains[0]?.filterChainMatch?.applicationProtocols;
  assert.ok(protocols?.includes('istio') && !protocols.includes('h2'));
  assert.ok(compiled.resources.get(typeUrls.cluster)?.has(name));
  const endpointsOf = (cluster: string): number => {
    const message = compiled.resources.get(typeUrls.endpoint)?.get(cluster)?.message;
    assert.ok(isMessage(message, ClusterLoadAssignmentSchema));
    return message.endpoints.flatMap(({ lbEndpoints }) => lbEndpoints).length;
  };
  assert.equal(endpointsOf('outbound|80||app.team.svc.cluster.local'), 2);
  assert.equal(endpointsOf(name), 1);
});

test('a Gateway that names Services is for the proxies behind them, and opens their target ports only', () => {
  const named = `, annotations: { internal.istio.io/gateway-service: 'front.team.svc.cluster.local' }`;
  const front = (namespace: string): string => `apiVersion: v1
kind: Service
metadata: { name: front, namespace: ${namespace} }
spec: { selector: { istio: ingressgateway }, ports: [{ name: http, port: 80, targetPort: 8080 }] }`;
  const edge = gateway('a', [server(80, 'HTTP', "'*'"), server(81, 'HTTP', "'b.com'")], named);
  assert.deepEqual(shape(compile([edge, front('edge')])), [], 'a Service of another namespace');
  const own = named.replace('front.team', 'front.edge');
  const inEdge = gateway('a', [server(80, 'HTTP', "'*'"), server(81, 'HTTP', "'b.com'")], own).replace('namespace: team', 'namespace: edge');
  assert.deepEqual(shape(compile([inEdge, front('edge')])), ['0.0.0.0_8080 [] http.8080']);
});

test('a Service may keep gateways from translating ports', () => {
  const label = 'experimental.istio.io/disable-gateway-port-translation';
  const service = `apiVersion: v1
kind: Service
metadata: { name: front, namespace: edge, labels: { ${label}: 'true' } }
spec: { selector: { istio: ingressgateway }, ports: [{ name: http, port: 80, targetPort: 8080 }] }`;
  assert.deepEqual(shape(compile([gateway('a', [server(80, 'HTTP', "'*'")]), service])), ['0.0.0.0_80 [] http.80']);
  assert.deepEqual(shape(compile([gateway('a', [server(80, 'HTTP', "'*'")]), service.replace(label, 'x')])), ['0.0.0.0_8080 [] http.8080']);
});

test('a changed rule of one Gateway leaves the listeners and the routes of the others as they are', () => {
  const memo = new BuildMemo();
  const cache = new CompileCache();
  const documents = (path: string): readonly string[] => [
    gateway('a', [server(80, 'HTTP', "'a.com'")]),
    gateway('b', [server(81, 'HTTP', "'b.com'"), server(82, 'TCP', "'*'")]),
    virtualService('a', 'a.com', 'a', `http: [{ match: [{ uri: { prefix: ${path} } }], route: [{ destination: { host: app } }] }]`),
    virtualService('b', 'b.com', 'b', 'http: [{ route: [{ destination: { host: app } }] }]'),
    virtualService('c', '*', 'b', toApp),
  ];
  const first = nextSnapshot(undefined, read(...documents('/one')), []);
  const [changed] = read(documents('/two')[2] ?? '');
  assert.ok(changed !== undefined);
  const kept = read(...documents('/one')).length;
  assert.equal(kept, 5);
  const resources = [...first.resources.Gateway.values(), ...first.resources.VirtualService.values()].map((one) =>
    one.metadata.name === 'a' && one.kind === 'VirtualService' ? changed : one,
  );
  const told = (snapshot: typeof first): Compiled => new MeshCompiler(buildMesh(snapshot, memo), cache).compile(edgeProxy({ kind: 'redirect' }));
  const before = told(first);
  const after = told(nextSnapshot(first, resources, []));
  const differing = [typeUrls.listener, typeUrls.route, typeUrls.cluster].flatMap((type) =>
    [...(after.resources.get(type) ?? [])].flatMap(([name, resource]) => (before.resources.get(type)?.get(name) === resource ? [] : [name])),
  );
  assert.deepEqual(differing, ['http.80']);
});

test('a renewed certificate is one new secret: listeners, routes and the other secrets stay as they are', async () => {
  await using authority = await startAuthority();
  const [one, two] = await Promise.all(['one', 'two'].map((name) => authority.issue(name, ['DNS:x.com'])));
  assert.ok(one !== undefined && two !== undefined);
  const secret = (name: string, { certificate, key }: Leaf): string =>
    JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'edge' }, stringData: { cert: certificate, key } });
  const edge = gateway('a', [
    server(443, 'HTTPS', "'x.com'", ', tls: { mode: SIMPLE, credentialName: c }'),
    server(443, 'HTTPS', "'y.com'", ', tls: { mode: SIMPLE, credentialName: d }'),
  ]);
  const [web, before, renewed, steady, unnamed] = read(edge, secret('c', one), secret('c', two), secret('d', one), secret('e', one));
  assert.ok(web && before && renewed && steady && unnamed);
  const [memo, cache] = [new BuildMemo(), new CompileCache()];
  const told = (...resources: readonly AnyResource[]): Compiled =>
    new MeshCompiler(buildMesh(nextSnapshot(undefined, resources, []), memo), cache).compile(edgeProxy({ kind: 'redirect' }));
  const first = told(web, before, steady, unnamed);
  const second = told(web, renewed, steady, unnamed);
  assert.deepEqual([...(first.resources.get(typeUrls.secret)?.keys() ?? [])], ['kubernetes://c', 'kubernetes://d'], 'and not what nobody names');
  const differing = [...second.resources].flatMap(([type, ofType]) =>
    [...ofType].flatMap(([name, resource]) => (first.resources.get(type)?.get(name) === resource ? [] : [name])),
  );
  assert.deepEqual(differing, ['kubernetes://c']);
  const refused = { nodeId: 'router~192.0.2.1~edge-0.edge~x', typeUrl: typeUrls.secret, error: 'no', resources: ['kubernetes://c'] };
  const [diagnosed] = refusalDiagnostics(refused, second);
  assert.deepEqual(diagnosed?.diagnostic.at?.resource, 'Secret edge/c', 'a proxy that refuses it says whose it is');
});

test('secrets are for the proxies of their namespace alone, whatever a Gateway says', async () => {
  await using authority = await startAuthority();
  const { certificate, key } = await authority.issue('one', ['DNS:x.com']);
  const secret = JSON.stringify({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'c', namespace: 'vault' },
    stringData: { cert: certificate, key },
  });
  for (const name of [
    'c',
    'kubernetes://vault/c',
    'kubernetes-gateway://vault/c',
    'sds://kubernetes://vault/c',
    'configmap://vault/c',
    'kubernetes://../vault/c',
  ]) {
    const compiled = compile([gateway('a', [server(443, 'HTTPS', "'x.com'", `, tls: { mode: SIMPLE, credentialName: '${name}' }`)]), secret]);
    assert.deepEqual([name, compiled.resources.get(typeUrls.secret), shape(compiled)], [name, undefined, []]);
  }
});
