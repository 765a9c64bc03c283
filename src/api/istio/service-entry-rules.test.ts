import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readText } from '#api/read-text.ts';

/** Findings as `line: message`; the spec begins on line 5. */
function problems(kind: string, spec: string): readonly string[] {
  const indented = spec.replaceAll(/^/gm, '  ');
  const text = `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: { name: x }\nspec:\n${indented}\n`;
  return readText('x.yaml', text).items.flatMap(({ diagnostics }) => diagnostics.map(({ code, message, at }) => `${code} ${at?.line}: ${message}`));
}

const http = 'ports: [{ number: 80, name: http, protocol: HTTP }]';
const tcp = 'ports: [{ number: 9000, name: tcp, protocol: TCP }]';

const refused: readonly (readonly [what: string, kind: string, spec: string, reason: RegExp])[] = [
  ['all hosts', 'ServiceEntry', `hosts: ['*']\n${http}`, /^IST0106 5: .*cannot be for all hosts/],
  ['no host', 'ServiceEntry', `hosts: []\n${http}`, /hosts needs at least one item/],
  [
    'an address that is none',
    'ServiceEntry',
    `hosts: [a.com]\naddresses: [10.0.0.300]\n${http}`,
    /^IST0106 6: .*neither an IP address nor a CIDR block/,
  ],
  ['a block too long', 'ServiceEntry', `hosts: [a.com]\naddresses: [10.0.0.0/33]\n${http}`, /neither an IP address nor a CIDR block/],
  [
    'a block with DNS',
    'ServiceEntry',
    `hosts: [a.com]\nresolution: DNS\naddresses: [10.0.0.0/8]\n${http}`,
    /^IST0106 7: .*needs resolution NONE or STATIC, not DNS/,
  ],
  ['a name of a port twice', 'ServiceEntry', 'hosts: [a.com]\nports: [{ number: 80, name: a }, { number: 81, name: a }]', /port name a is taken/],
  ['a port twice', 'ServiceEntry', 'hosts: [a.com]\nports: [{ number: 80, name: a }, { number: 80, name: b }]', /port 80 is there already/],
  ['an unknown protocol', 'ServiceEntry', 'hosts: [a.com]\nports: [{ number: 80, name: a, protocol: HTPP }]', /unknown protocol HTPP/],
  [
    'endpoints without resolution',
    'ServiceEntry',
    `hosts: [a.com]\n${http}\nendpoints: [{ address: 1.1.1.1 }]`,
    /^IST0106 7: .*endpoints need a resolution/,
  ],
  [
    'an endpoint without an address',
    'ServiceEntry',
    `hosts: [a.com]\n${http}\nresolution: STATIC\nendpoints: [{ weight: 1 }]`,
    /an address is missing/,
  ],
  [
    'a name that is STATIC',
    'ServiceEntry',
    `hosts: [a.com]\n${http}\nresolution: STATIC\nendpoints: [{ address: b.com }]`,
    /b\.com is no IP address/,
  ],
  [
    'a port that the endpoint invents',
    'ServiceEntry',
    `hosts: [a.com]\n${http}\nresolution: STATIC\nendpoints: [{ address: 1.1.1.1, ports: { web: 8080 } }]`,
    /no port named web/,
  ],
  ['a wildcard in DNS', 'ServiceEntry', `hosts: ['*.a.com']\n${http}\nresolution: DNS`, /DNS cannot be asked for \*\.a\.com/],
  [
    'two endpoints taken in turn',
    'ServiceEntry',
    `hosts: [a.com]\n${http}\nresolution: DNS_ROUND_ROBIN\nendpoints: [{ address: b.com }, { address: c.com }]`,
    /at most one endpoint/,
  ],
  ['a host that needs no resolving', 'ServiceEntry', `hosts: [a.com]\n${http}\nresolution: DYNAMIC_DNS`, /needs wildcards, and a\.com is none/],
  [
    'bytes for several hosts',
    'ServiceEntry',
    `hosts: [a.com, b.com]\n${tcp}\nresolution: DNS`,
    /^IST0106 6: .*port 9000 cannot be for several hosts/,
  ],
  [
    'a socket with ports',
    'ServiceEntry',
    `hosts: [a.com]\n${http}\nresolution: STATIC\nendpoints: [{ address: unix:///a, ports: { http: 1 } }]`,
    /no ports/,
  ],
  ['a socket without a path', 'ServiceEntry', `hosts: [a.com]\n${http}\nresolution: STATIC\nendpoints: [{ address: unix://a }]`, /no absolute path/],
  [
    'both ways to choose',
    'ServiceEntry',
    `hosts: [a.com]\nendpoints: [{ address: 1.1.1.1 }]\nworkloadSelector: { labels: { a: b } }`,
    /only one of endpoints and/,
  ],
  ['everybody and somebody', 'ServiceEntry', `hosts: [a.com]\n${http}\nexportTo: ['*', a]`, /stands alone/],
  ['nobody and somebody', 'ServiceEntry', `hosts: [a.com]\n${http}\nexportTo: ['~', a]`, /stands alone/],
  ['a namespace twice', 'ServiceEntry', `hosts: [a.com]\n${http}\nexportTo: [a, a]`, /a stands in exportTo twice/],
  ['no address', 'WorkloadEntry', 'labels: { app: a }', /^IST0106 4: .*an address is missing/],
  ['an address that is none', 'WorkloadEntry', "address: 'a b'", /neither an IP address nor a host name/],
  ['no template', 'WorkloadGroup', 'metadata: { labels: { app: a } }', /spec\.template is missing/],
  ['a probe that does not ask', 'WorkloadGroup', 'template: {}\nprobe: { periodSeconds: 5 }', /does not say how to ask/],
  [
    'a probe that asks in two ways',
    'WorkloadGroup',
    'template: {}\nprobe: { httpGet: { port: 80 }, tcpSocket: { port: 80 } }',
    /only one of httpGet and tcpSocket/,
  ],
];

for (const [what, kind, spec, reason] of refused) {
  test(`${kind}: ${what} is refused`, () => {
    const found = problems(kind, spec);
    assert.equal(found.filter((text) => reason.test(text)).length, 1, found.join('\n'));
  });
}

const taken: readonly (readonly [what: string, kind: string, spec: string])[] = [
  ['without resolution, for a wildcard', 'ServiceEntry', `hosts: ['*.a.com', '*-x.a.com']\n${http}`],
  ['STATIC without endpoints', 'ServiceEntry', `hosts: [a.com]\n${http}\nresolution: STATIC`],
  ['STATIC with a block', 'ServiceEntry', `hosts: [a.com]\naddresses: [10.0.0.0/8, '2001:db8::/32', 10.1.1.1]\n${http}\nresolution: STATIC`],
  ['a socket', 'ServiceEntry', `hosts: [a.com]\n${http}\nresolution: STATIC\nendpoints: [{ address: 'unix:///run/a.sock' }]`],
  ['an endpoint behind a gateway', 'ServiceEntry', `hosts: [a.com]\n${http}\nresolution: STATIC\nendpoints: [{ network: n2 }]`],
  ['a wildcard asked for by endpoints', 'ServiceEntry', `hosts: ['*.a.com']\n${http}\nresolution: DNS\nendpoints: [{ address: b.com }]`],
  [
    'several hosts that TLS tells apart',
    'ServiceEntry',
    'hosts: [a.com, b.com]\nports: [{ number: 443, name: tls, protocol: TLS }]\nresolution: DNS',
  ],
  ['nobody', 'ServiceEntry', `hosts: [a.com]\n${http}\nexportTo: ['~']`],
  ['a host name', 'WorkloadEntry', 'address: vm1.example.com\nports: { http: 8080 }\nlocality: region/zone'],
];

for (const [what, kind, spec] of taken) {
  test(`${kind}: ${what} is taken`, () => {
    assert.deepEqual(problems(kind, spec), []);
  });
}

test('a WorkloadGroup is read whole, and all of it acts', () => {
  const probe = 'probe: { httpGet: { port: 80, path: /ready }, initialDelaySeconds: 5 }';
  const found = problems('WorkloadGroup', `metadata: { labels: { app: a } }\ntemplate: { serviceAccount: app, network: n1 }\n${probe}`);
  assert.deepEqual(found, []);
});
