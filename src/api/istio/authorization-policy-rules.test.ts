import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readText } from '#api/read-text.ts';

function problems(spec: string): readonly string[] {
  const text = `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: x }\nspec: ${spec}\n`;
  return readText('x.yaml', text).items.flatMap(({ diagnostics }) => diagnostics.map(({ code, message }) => `${code} ${message}`));
}

/** A rule in a policy that is otherwise right. */
function ofRule(rule: string, action = 'ALLOW'): string {
  return `{ action: ${action}, rules: [${rule}] }`;
}

const source = (fields: string): string => ofRule(`{ from: [{ source: { ${fields} } }] }`);
const operation = (fields: string): string => ofRule(`{ to: [{ operation: { ${fields} } }] }`);
const condition = (fields: string): string => ofRule(`{ when: [{ ${fields} }] }`);
const custom = (rule: string): string => `{ action: CUSTOM, provider: { name: p }, rules: [${rule}] }`;

const refused: readonly (readonly [spec: string, reason: RegExp])[] = [
  ['{ action: DENY }', /DENY without rules never acts/],
  ['{ action: CUSTOM, provider: { name: p } }', /CUSTOM without rules never acts/],
  ['{ action: CUSTOM, rules: [{}] }', /CUSTOM needs provider.name/],
  ['{ provider: { name: p }, rules: [{}] }', /provider is for action CUSTOM, not for ALLOW/],
  ['{ action: PERMIT }', /spec.action must be ALLOW, DENY, AUDIT or CUSTOM/],
  ["{ selector: { matchLabels: { app: 'a*' } } }", /app: a\* has a wildcard/],
  ["{ selector: { matchLabels: { '': a } } }", /a label without a name/],
  ['{ selector: {}, targetRefs: [{ kind: Service, name: a }] }', /only one of selector and targetRefs/],
  ['{ targetRefs: [{ kind: Pod, name: a }] }', /cannot be for a Pod/],
  ['{ targetRefs: [{ group: networking.istio.io, kind: Gateway, name: a }] }', /cannot be for a Gateway of networking.istio.io/],
  ['{ targetRefs: [{ kind: Service, name: a, namespace: b }] }', /its own namespace only/],
  ['{ rules: [{ from: [] }] }', /from must not be empty/],
  ['{ rules: [{ from: [{}] }] }', /an item of from needs source/],
  ['{ rules: [{ from: [{ source: {} }] }] }', /source must not be empty/],
  ['{ rules: [{ to: [] }] }', /to must not be empty/],
  ['{ rules: [{ to: [{}] }] }', /an item of to needs operation/],
  ['{ rules: [{ to: [{ operation: {} }] }] }', /operation must not be empty/],
  ['{ rules: [{ froms: [] }] }', /unknown field/],
  [source("principals: ['']"), /an empty value matches nothing/],
  [source('principals: [a], serviceAccounts: [b]'), /serviceAccounts cannot stand beside principals or namespaces/],
  [source('notNamespaces: [a], notServiceAccounts: [b]'), /serviceAccounts cannot stand beside/],
  [source("serviceAccounts: ['a*']"), /a\* has a wildcard/],
  [source("serviceAccounts: ['a/b/c']"), /a\/b\/c is no service account/],
  [source("serviceAccounts: ['/b']"), /\/b is no service account/],
  [source(`serviceAccounts: [${Array.from({ length: 17 }, (_, index) => `a${index}`).join(', ')}]`), /at most 16 service accounts/],
  [source("trustDomains: ['a/b']"), /it has a slash/],
  [source("trustDomains: ['a*b']"), /a wildcard in the middle/],
  [source("trustDomains: ['*a*']"), /more than one wildcard/],
  [source('ipBlocks: [10.0.0.256]'), /10.0.0.256 is neither an IP address nor a block/],
  [source('remoteIpBlocks: [10.0.0.0/33]'), /neither an IP address nor a block/],
  [operation("ports: ['http']"), /http is no port/],
  [operation("ports: ['65536']"), /65536 is no port/],
  [operation('ports: [80]'), /must be a text/],
  [operation("paths: ['/a/{**}/b/{*}']"), /a template behind \{\*\*\}/],
  [operation("paths: ['/a/{id}']"), /a brace that is no template/],
  [operation("paths: ['/a{*}']"), /a brace that is no template/],
  [operation("notPaths: ['/a*/{*}']"), /cannot stand beside templates/],
  [operation("paths: ['a/{*}']"), /needs single slashes, one in front/],
  [operation("paths: ['/a//{*}']"), /needs single slashes/],
  [condition("key: ''"), /key must not be empty/],
  [condition('key: source.ip'), /needs values or notValues/],
  [condition('key: source.ip, values: [x]'), /neither an IP address/],
  [condition('key: source.name, values: [x]'), /there is no key source.name/],
  [condition('key: destination.namespace, values: [x]'), /there is no key destination.namespace/],
  [condition("key: 'destination.labels[a]', values: [x]"), /there is no key/],
  [condition('key: request.headers, values: [x]'), /does not say what of it is meant/],
  [condition("key: 'request.headers[]', values: [x]"), /does not say what of it is meant/],
  [condition("key: 'request.auth.claims[a', values: [x]"), /does not say what of it is meant/],
  [condition("key: 'request.headersX[a]', values: [x]"), /does not say what of it is meant/],
  [condition("key: destination.port, notValues: ['x']"), /x is no port/],
  [condition("key: source.serviceAccount, values: ['*']"), /a wildcard/],
  [condition("key: source.trustDomain, values: ['a*b']"), /a wildcard in the middle/],
  [custom('{ from: [{ source: { principals: [a] } }] }'), /principals cannot be asked for with action CUSTOM/],
  [custom('{ from: [{ source: { notRequestPrincipals: [a] } }] }'), /notRequestPrincipals cannot be asked for/],
  [custom('{ when: [{ key: source.namespace, values: [a] }] }'), /source.namespace cannot be asked for/],
  [custom("{ when: [{ key: 'request.auth.claims[a]', values: [a] }] }"), /request.auth.claims\[a\] cannot be asked for/],
];

for (const [spec, reason] of refused) {
  void test(`AuthorizationPolicy ${spec.slice(0, 120)} is refused`, () => {
    const found = problems(spec);
    assert.equal(found.length, 1, found.join('\n'));
    assert.match(found[0] ?? '', /^IST0106 /);
    assert.match(found[0] ?? '', reason);
  });
}

const accepted: readonly string[] = [
  '{}',
  '{ rules: [{}] }',
  '{ action: AUDIT }',
  '{ selector: { matchLabels: { app: a } }, action: DENY, rules: [{}] }',
  '{ selector: {}, rules: [{}] }',
  '{ targetRef: { group: gateway.networking.k8s.io, kind: Gateway, name: a } }',
  '{ targetRefs: [{ group: core, kind: Service, name: a }, { group: networking.istio.io, kind: ServiceEntry, name: b }] }',
  source("principals: ['*', 'a*', '*b', cluster.local/ns/a/sa/b], notPrincipals: [c], trustDomains: ['*']"),
  source("requestPrincipals: ['*', 'https://issuer.example/*'], notRequestPrincipals: [a/b]"),
  source('serviceAccounts: [a, b/c], ipBlocks: [10.0.0.1, 10.0.0.0/8, "::1", "2001:db8::/32"], notRemoteIpBlocks: [1.2.3.4]'),
  operation("hosts: [a.example, '*.example'], methods: [GET, '*'], ports: ['80', '0', '65535']"),
  operation("paths: ['/a', '/a/*', '*.png', '/a/{*}', '/{**}', '/a/{*}/b/{**}', '/a/{**}/b'], notPaths: ['*']"),
  condition("key: 'request.headers[X-Role]', values: [a], notValues: [b]"),
  condition("key: 'request.auth.claims[a][b-c]', values: ['*']"),
  condition('key: connection.sni, values: [a.example]'),
  condition("key: 'experimental.envoy.filters.network.mysql_proxy[db.table]', values: ['[insert]']"),
  custom("{ to: [{ operation: { paths: [/admin], methods: [GET] } }], when: [{ key: 'request.headers[a]', values: [b] }] }"),
];

for (const spec of accepted) void test(`AuthorizationPolicy ${spec.slice(0, 120)} is taken`, () => assert.deepEqual(problems(spec), []));
