// What Kubernetes refuses of an Ingress, as findings about specs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindRules } from '#api/kind-rules.ts';
import { kinds } from '#api/kinds.ts';
import { validate } from '#api/validate.ts';
import { formatPath } from '#base/origin.ts';

function broken(spec: unknown): readonly string[] {
  assert.deepEqual(validate(kinds.Ingress.body, { spec }), [], 'the rules are asked about bodies that fit the schema');
  return kindRules('Ingress', { spec }).map(({ path, message }) => `${formatPath(path)}: ${message}`);
}

const backend = { service: { name: 'web', port: { number: 80 } } };

function rule(path: object, host?: string): object {
  return { rules: [{ ...(host !== undefined && { host }), http: { paths: [{ path: '/', pathType: 'Prefix', backend, ...path }] } }] };
}

test('an Ingress that Kubernetes takes', () => {
  const good = [
    { defaultBackend: backend },
    rule({}),
    rule({}, '*.example.com'),
    rule({ pathType: 'ImplementationSpecific', path: '/old/*' }),
    rule({ pathType: 'ImplementationSpecific', path: '' }),
    rule({ backend: { service: { name: 'web', port: { name: 'http' } } } }),
    rule({ backend: { resource: { kind: 'Bucket', name: 'b' } } }),
  ];
  for (const spec of good) assert.deepEqual(broken(spec), [], JSON.stringify(spec));
});

test('an Ingress that Kubernetes refuses', () => {
  const at = 'spec.rules[0].http.paths[0]';
  const bad: readonly (readonly [object, string])[] = [
    [{}, 'spec.rules: an Ingress needs rules or a defaultBackend'],
    [rule({ path: 'api' }), `${at}.path: a path of type Prefix begins with a slash`],
    [rule({ path: '/a//b' }), `${at}.path: path /a//b has empty, dot or escaped segments`],
    [rule({ path: '/a/../b', pathType: 'Exact' }), `${at}.path: path /a/../b has empty, dot or escaped segments`],
    [rule({ backend: {} }), `${at}.backend: a backend needs a service or a resource`],
    [rule({ backend: { service: { name: 'web' } } }), `${at}.backend.service.port: the port of a backend needs a name or a number`],
    [rule({}, '10.0.0.1'), 'spec.rules[0].host: 10.0.0.1 is not a host name, nor a wildcard of one'],
  ];
  for (const [spec, finding] of bad) assert.deepEqual(broken(spec), [finding], JSON.stringify(spec));
});
