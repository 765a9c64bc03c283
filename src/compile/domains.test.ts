import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serviceDomains } from '#compile/domains.ts';
import type { Service } from '#model/service.ts';

const origin = { file: 'x.yaml', line: 1, col: 1 };
const hello: Service = {
  hostname: 'hello.default.svc.cluster.local',
  name: 'hello',
  namespace: 'default',
  addresses: ['10.96.0.7'],
  headless: false,
  resolution: 'endpoints',
  registry: 'kubernetes',
  external: false,
  ports: [],
  endpoints: [],
  visibility: { kind: 'everywhere' },
  origin,
};

void test('a client of the same namespace may use the bare name', () => {
  const { domains } = serviceDomains(hello, { clientDnsDomain: 'default.svc.cluster.local' });
  assert.deepEqual(domains, [
    'hello.default.svc.cluster.local',
    'hello.default.svc.cluster.local.',
    'hello',
    'hello.default.svc',
    'hello.default',
    '10.96.0.7',
  ]);
});

void test('an alias is a name as the service is, and gives way to whoever really has it', () => {
  const { domains, shortForms } = serviceDomains(
    { ...hello, aliases: ['hi.default.svc.cluster.local'] },
    { clientDnsDomain: 'default.svc.cluster.local' },
  );
  for (const name of ['hi.default.svc.cluster.local', 'hi', 'hi.default']) assert.ok(domains.includes(name) && shortForms.has(name), name);
});

void test('automatic addresses are for clients that capture DNS; nobody asks for a block of addresses', () => {
  const entry: Service = { ...hello, addresses: [], automaticAddresses: ['240.240.0.1', '2001:2::1'] };
  const options = { clientDnsDomain: 'default.svc.cluster.local' };
  assert.ok(!serviceDomains(entry, options).domains.includes('240.240.0.1'));
  const { domains } = serviceDomains(entry, { ...options, capturesDns: true });
  assert.ok(domains.includes('240.240.0.1') && domains.includes('[2001:2::1]'));
  assert.ok(!serviceDomains({ ...hello, addresses: ['10.0.0.0/8'] }, options).domains.includes('10.0.0.0/8'));
});

void test('a client of another namespace names the namespace', () => {
  const { domains } = serviceDomains(hello, { clientDnsDomain: 'other.svc.cluster.local' });
  assert.ok(!domains.includes('hello'));
  assert.ok(domains.includes('hello.default'));
});

void test('each name also comes with its port where ports tell services apart', () => {
  const { domains } = serviceDomains(hello, { clientDnsDomain: 'other.svc.cluster.local', port: 8080 });
  assert.deepEqual(domains.slice(0, 2), ['hello.default.svc.cluster.local', 'hello.default.svc.cluster.local:8080']);
});

void test('the pods of a headless service are reached below its names', () => {
  const { domains } = serviceDomains({ ...hello, headless: true, addresses: [] }, { clientDnsDomain: 'default.svc.cluster.local' });
  assert.ok(domains.includes('*.hello'));
  assert.ok(domains.includes('*.hello.default.svc.cluster.local'));
});

void test('a service outside the cluster has its own name only', () => {
  const { domains } = serviceDomains({ ...hello, hostname: 'api.example.com', addresses: [] }, { clientDnsDomain: 'default.svc.cluster.local' });
  assert.deepEqual(domains, ['api.example.com', 'api.example.com.']);
});

void test('outside of Kubernetes the domain that both have in common may be left out', () => {
  const foo: Service = { ...hello, hostname: 'foo.local.campus.net', addresses: [] };
  const names = (clientDnsDomain: string) => serviceDomains(foo, { clientDnsDomain }).domains;
  assert.deepEqual(names('remote.campus.net'), ['foo.local.campus.net', 'foo.local.campus.net.', 'foo.local', 'foo.local.campus']);
  assert.deepEqual(names('local.campus.net'), ['foo.local.campus.net', 'foo.local.campus.net.', 'foo']);
  assert.deepEqual(names('example.com'), ['foo.local.campus.net', 'foo.local.campus.net.']);
});

void test('a host that is an address has no other forms, and brackets where it needs them', () => {
  const domainsOf = (hostname: string) =>
    serviceDomains({ ...hello, hostname, addresses: [] }, { clientDnsDomain: 'default.svc.cluster.local' }).domains;
  assert.deepEqual(domainsOf('192.0.2.7'), ['192.0.2.7']);
  assert.deepEqual(domainsOf('2001:db8::7'), ['[2001:db8::7]']);
});
