// RequestAuthentications as compiled: for whom, with which keys, and made once for all who have them in common.
import assert from 'node:assert/strict';
import { createHash, ECDH } from 'node:crypto';
import { test } from 'node:test';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { keysOfNobody, readKeys } from '#base/json-web-keys.ts';
import { CompileCache } from '#compile/compile-cache.ts';
import { requestAuthentication } from '#compile/jwt.ts';
import { noTokenKeys, type TokenKeys } from '#compile/token-keys.ts';
import { type JwtAuthentication, JwtAuthenticationSchema } from '#envoy/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';
import type { HttpFilter } from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { BuildMemo } from '#model/build/build-memo.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';
import { jwksOf, namedKey } from '#test/support/token-signer.ts';

const keys = jwksOf(namedKey('a'));

function policy(name: string, spec: string, namespace = 'default'): string {
  return `apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: ${spec}`;
}

function proxyOf(name: string, type: Proxy['type'] = 'sidecar', labels: Proxy['labels'] = {}): Proxy {
  return {
    nodeId: `${type}~10.0.0.1~${name}.default~default.svc.cluster.local`,
    type,
    name,
    namespace: 'default',
    labels,
    addresses: ['10.0.0.1'],
    dnsDomain: 'default.svc.cluster.local',
    interception: { kind: 'redirect' },
    explainFailures: false,
  };
}

function configOf([filter, ...more]: readonly HttpFilter[]): JwtAuthentication {
  assert.deepEqual(more, []);
  const config = filter?.configType.case === 'typedConfig' ? anyUnpack(filter.configType.value, JwtAuthenticationSchema) : undefined;
  assert.ok(config);
  return config;
}

const compiled = (documents: readonly string[], proxy: Proxy, tokenKeys: TokenKeys = noTokenKeys) =>
  requestAuthentication(buildMesh(snapshotOf(resourcesOf(...documents))), proxy, tokenKeys, new CompileCache());

test('the policies of the mesh, of the namespace and of the workload count together, by issuer', () => {
  const documents = [
    policy('own', `{ selector: { matchLabels: { app: web } }, jwtRules: [{ issuer: c, jwks: '${keys}' }] }`),
    policy('namespace', `{ jwtRules: [{ issuer: b, jwks: '${keys}' }] }`),
    policy('mesh', `{ jwtRules: [{ issuer: a, jwks: '${keys}' }] }`, 'istio-system'),
    policy('others', `{ selector: { matchLabels: { app: other } }, jwtRules: [{ issuer: d, jwks: '${keys}' }] }`),
    policy('elsewhere', `{ jwtRules: [{ issuer: e, jwks: '${keys}' }] }`, 'elsewhere'),
    policy('empty', '{}'),
  ];
  const { providers, bypassCorsPreflight } = configOf(compiled(documents, proxyOf('web', 'sidecar', { app: 'web' })));
  assert.deepEqual(
    Object.entries(providers).map(([name, { issuer }]) => [name, issuer]),
    [
      ['origins-0', 'a'],
      ['origins-1', 'b'],
      ['origins-2', 'c'],
    ],
  );
  assert.equal(bypassCorsPreflight, true);
  assert.deepEqual(compiled(documents.slice(3), proxyOf('web', 'sidecar', { app: 'web' })), [], 'who has no policy has no filter');
});

test('claims choose routes at gateways only', () => {
  const documents = [policy('all', `{ jwtRules: [{ issuer: a, jwks: '${keys}' }] }`)];
  const reroutes = (type: Proxy['type']) => configOf(compiled(documents, proxyOf('x', type))).providers['origins-0']?.clearRouteCache;
  assert.deepEqual([reroutes('router'), reroutes('sidecar')], [true, false]);
});

test('the filter is made once for proxies with the same policies, and anew only when these or their keys change', () => {
  const documents = [policy('all', '{ jwtRules: [{ issuer: a, jwksUri: "http://keys.example.com" }] }')];
  const [memo, cache] = [new BuildMemo(), new CompileCache()];
  const before = snapshotOf(resourcesOf(...documents));
  const mesh = buildMesh(before, memo);
  const first = requestAuthentication(mesh, proxyOf('one'), noTokenKeys, cache);
  assert.equal(requestAuthentication(mesh, proxyOf('two'), noTokenKeys, cache), first);
  const service = 'apiVersion: v1\nkind: Service\nmetadata: { name: new }\nspec: { ports: [{ port: 80 }] }';
  const after = buildMesh(snapshotOf([...before.resources.RequestAuthentication.values(), ...resourcesOf(service)], before), memo);
  assert.equal(requestAuthentication(after, proxyOf('one'), noTokenKeys, cache), first);
  const fetched = requestAuthentication(after, proxyOf('one'), { find: () => keys }, cache);
  assert.notEqual(fetched, first);
  assert.equal(requestAuthentication(after, proxyOf('two'), { find: () => keys }, cache), fetched);
});

test('keys that are not there are keys of nobody: a point that a sentence has chosen', () => {
  const { providers } = configOf(compiled([policy('all', '{ jwtRules: [{ issuer: a, jwksUri: "http://keys.example.com" }] }')], proxyOf('x')));
  const source = providers['origins-0']?.jwksSourceSpecifier;
  assert.ok(source?.case === 'localJwks' && source.value.specifier.case === 'inlineString');
  assert.equal(source.value.specifier.value, keysOfNobody);
  assert.equal(readKeys(keysOfNobody)?.length, 1);
  const [key] = (JSON.parse(keysOfNobody) as { readonly keys: readonly { readonly x: string; readonly y: string }[] }).keys;
  const x = createHash('sha256').update('Heddle: nobody has the key to this lock 0').digest();
  const point = ECDH.convertKey(Buffer.concat([Buffer.from([2]), x]), 'prime256v1', undefined, undefined, 'uncompressed');
  assert.deepEqual([key?.x, key?.y], [x.toString('base64url'), Buffer.from(point.subarray(33)).toString('base64url')]);
});
