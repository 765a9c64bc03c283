// The rules beyond the schema, as findings about specs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindRules } from '#api/kind-rules.ts';
import { type KindName, kinds } from '#api/kinds.ts';
import { validate } from '#api/validate.ts';
import { formatPath } from '#base/origin.ts';

function broken(kind: KindName, spec: unknown): readonly string[] {
  assert.deepEqual(validate(kinds[kind].body, { spec }), [], 'the rules are asked about bodies that fit the schema');
  return kindRules(kind, { spec }).map(({ path, message }) => `${formatPath(path)}: ${message}`);
}

const route = [{ destination: { host: 'a' } }];
const http = [{ route }];

test('a VirtualService that Istio takes', () => {
  const good: readonly unknown[] = [
    { hosts: ['a'], http },
    { http },
    { hosts: ['*'], gateways: ['gw'], http },
    { hosts: ['a', '*.b.com', 'c.com'], http },
    { hosts: ['a'], http: [{ redirect: { uri: '/' } }, { directResponse: { status: 200 } }, { delegate: { name: 'x' } }] },
    { hosts: ['a'], http: [{ route: [{ destination: { host: 'a' }, weight: 0 }] }] },
    {
      hosts: ['a'],
      http: [
        {
          route: [
            { destination: { host: 'a' }, weight: 0 },
            { destination: { host: 'b' }, weight: 5 },
          ],
        },
      ],
    },
    {
      hosts: ['a'],
      http: [{ route, match: [{ uri: { prefix: '' }, headers: { x: { regex: '(?i)a.*' } }, withoutHeaders: { y: { regex: '*' } } }] }],
    },
    { hosts: ['a'], tcp: [{ route }] },
  ];
  for (const spec of good) assert.deepEqual(broken('VirtualService', spec), [], JSON.stringify(spec));
});

test('a VirtualService that Istio refuses', () => {
  const bad: readonly (readonly [unknown, readonly string[]])[] = [
    [{ hosts: ['a'] }, ['spec: a VirtualService needs rules: http, tcp or tls']],
    [{ gateways: ['gw'], http }, ['spec.gateways: a VirtualService without hosts is a delegate and may not have gateways']],
    [{ hosts: ['*'], http }, ['spec.hosts[0]: the host * is for gateways only, not for calls inside the mesh']],
    [{ hosts: ['a.b.com', 'c', '*.b.com'], http }, ['spec.hosts[2]: host *.b.com is already covered by a.b.com']],
    [{ hosts: ['a'], http: [{ match: [] }] }, ['spec.http[0].route: the rule says nothing about where requests go']],
    [{ hosts: ['a'], http: [{ route, redirect: { uri: '/' } }] }, ['spec.http[0].route: route cannot stand beside redirect in one rule']],
    [
      { hosts: ['a'], http: [{ fault: { delay: { fixedDelay: '1s' } }, directResponse: { status: 200 } }] },
      ['spec.http[0].fault: fault cannot stand beside directResponse in one rule'],
    ],
    [{ hosts: ['a'], http: [{ route: [...route, ...route] }] }, ['spec.http[0].route[0].weight: the weights of all destinations add up to 0']],
    [
      { hosts: ['a'], http: [{ route: [{ destination: { host: '*' } }] }] },
      ['spec.http[0].route[0].destination.host: a destination must name a host, not *'],
    ],
    [
      { hosts: ['a'], http: [{ route, match: [{ uri: { regex: '(?=x)' } }] }] },
      ['spec.http[0].match[0].uri.regex: no valid regular expression: invalid or unsupported Perl syntax: `(?=`'],
    ],
    [
      { hosts: ['a'], http: [{ route, match: [{ uri: { regex: '' } }] }] },
      ['spec.http[0].match[0].uri.regex: no valid regular expression: it is empty'],
    ],
    [
      { hosts: ['a'], http: [{ route, match: [{ method: { prefix: '' } }] }] },
      ['spec.http[0].match[0].method.prefix: an empty prefix matches everything: leave the condition out'],
    ],
    [
      { hosts: ['a'], http: [{ route, mirror: { host: 'm' }, mirrors: [{ destination: { host: 'm' } }] }] },
      ['spec.http[0].mirrors: only one of mirror and mirrors may be set'],
    ],
  ];
  for (const [spec, expected] of bad) assert.deepEqual(broken('VirtualService', spec), expected, JSON.stringify(spec));
});

test('a Gateway: protocols, TLS and names of ports', () => {
  const server = (protocol: string, tls?: unknown, name = 'p'): unknown => ({
    port: { number: 80, name, protocol },
    hosts: ['*'],
    ...(tls !== undefined && { tls }),
  });
  const gateway = (...servers: readonly unknown[]): readonly string[] => broken('Gateway', { servers });
  assert.deepEqual(
    [
      ...gateway(server('HTTP')),
      ...gateway(server('http')),
      ...gateway(server('HTTP', { httpsRedirect: true })),
      ...gateway(server('HTTPS', { mode: 'SIMPLE', credentialName: 'c' })),
      ...gateway(server('TLS', { mode: 'PASSTHROUGH' })),
      ...gateway(server('TCP'), server('HTTP', undefined, 'q')),
    ],
    [],
  );
  assert.deepEqual(gateway(), ['spec.servers: a Gateway needs at least one server']);
  assert.deepEqual(gateway(server('HTPP')), ['spec.servers[0].port.protocol: unknown protocol HTPP']);
  assert.deepEqual(gateway(server('HTTPS')), ['spec.servers[0].tls: a server of protocol HTTPS needs tls']);
  assert.deepEqual(gateway(server('HTTP', { mode: 'SIMPLE' })), ['spec.servers[0].tls: a server of protocol HTTP cannot have tls']);
  assert.deepEqual(gateway(server('HTTP'), server('HTTP')), ['spec.servers[1].port.name: port name p is taken by another server of this Gateway']);
});
