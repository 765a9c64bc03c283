// The rules beyond the schema of Sidecars, and of the tcp and tls rules of VirtualServices, as findings about specs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindRules } from '#api/kind-rules.ts';
import { type KindName, kinds } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';
import { validate } from '#api/validate.ts';
import { formatPath } from '#base/origin.ts';

function broken(kind: KindName, spec: unknown): readonly string[] {
  assert.deepEqual(validate(kinds[kind].body, { spec }), [], 'the rules are asked about bodies that fit the schema');
  return kindRules(kind, { spec }).map(({ path, message }) => `${formatPath(path)}: ${message}`);
}

const route = [{ destination: { host: 'a' } }];
const hosts = ['*/*'];

test('Sidecars that Istio takes', () => {
  const good: readonly unknown[] = [
    { egress: [{ hosts: ['./*', 'istio-system/*', '*/a.example', '*/*.example', '~pay/b.example', '~/c.example'] }] },
    { egress: [{ port: { number: 80, protocol: 'HTTP', name: 'a' }, bind: '10.0.0.1', hosts }, { hosts }] },
    { egress: [{ port: { number: 0, protocol: 'TCP', name: 'a' }, bind: 'unix:///run/a.sock', hosts }] },
    { egress: [{ port: { number: 80, name: 'sniffed' }, hosts }] },
    { ingress: [{ port: { number: 80, protocol: 'GRPC-WEB', name: 'a' }, defaultEndpoint: '127.0.0.1:8080' }] },
    {
      ingress: [
        { port: { number: 80, protocol: 'tcp' }, defaultEndpoint: '[::]:8080' },
        { port: { number: 81, protocol: 'TCP' }, defaultEndpoint: 'unix:///a' },
      ],
    },
    { outboundTrafficPolicy: { mode: 'ALLOW_ANY', egressProxy: { host: 'proxy.example', port: { number: 1 } } } },
    { workloadSelector: { labels: { app: 'a' } }, outboundTrafficPolicy: {} },
  ];
  for (const spec of good) assert.deepEqual(broken('Sidecar', spec), [], JSON.stringify(spec));
});

const bad: readonly (readonly [spec: unknown, finding: string])[] = [
  [{ workloadSelector: { labels: { app: 'a' } } }, 'spec: the Sidecar says nothing'],
  [{ egress: [{ hosts: [] }] }, 'spec.egress[0].hosts: an egress listener needs at least one host'],
  [{ egress: [{ hosts: ['a.example'] }] }, 'spec.egress[0].hosts[0]: a.example is not of the form namespace/host'],
  [{ egress: [{ hosts: ['/a'] }] }, 'spec.egress[0].hosts[0]: the namespace is empty'],
  [{ egress: [{ hosts: ['Shop/a'] }] }, 'spec.egress[0].hosts[0]: Shop is no name of a namespace'],
  [{ egress: [{ hosts: ['./a.*.b'] }] }, 'spec.egress[0].hosts[0]: a.*.b: a wildcard stands for the first part of a name only'],
  [
    { egress: [{ hosts }, { port: { number: 1, protocol: 'TCP' }, hosts }] },
    'spec.egress[0]: an egress listener without a port takes all that is left, so it must be the last',
  ],
  [{ egress: [{ port: { number: 1, protocol: 'TCPP' }, hosts }] }, "spec.egress[0].port.protocol: unknown protocol 'TCPP'"],
  [{ egress: [{ port: { number: 0, protocol: 'TCP' }, hosts }] }, 'spec.egress[0].port: a listener without a port number needs bind: unix://…'],
  [{ egress: [{ port: { number: 1, protocol: 'TCP' }, bind: 'localhost', hosts }] }, 'spec.egress[0].bind: localhost is no IP address'],
  [
    { egress: [{ port: { number: 1, protocol: 'TCP', targetPort: 2 }, hosts }] },
    'spec.egress[0].port.targetPort: targetPort has no meaning in a Sidecar',
  ],
  [
    { ingress: [{ port: { number: 1, protocol: 'TCP' }, defaultEndpoint: '10.0.0.1:80' }] },
    'spec.ingress[0].defaultEndpoint: 10.0.0.1:80 is no place where the app can be',
  ],
  [
    { ingress: [{ port: { number: 1, protocol: 'TCP' } }, { port: { number: 1, protocol: 'TCP' } }] },
    'spec.ingress[1].port.number: another ingress listener has port 1',
  ],
  [
    { ingress: [{ port: { number: 1, protocol: 'HTTP' }, tls: { mode: 'SIMPLE', serverCertificate: 'a.pem', privateKey: 'a.key' } }] },
    'spec.ingress[0].tls: tls needs a port of protocol HTTPS or TLS',
  ],
  [
    { outboundTrafficPolicy: { egressProxy: { host: 'a.example', port: { number: 1 } } } },
    'spec.outboundTrafficPolicy.egressProxy: egressProxy needs mode ALLOW_ANY',
  ],
  [{ outboundTrafficPolicy: { mode: 'ALLOW_ANY_DYNAMIC_DNS' } }, 'spec.outboundTrafficPolicy.mode: ALLOW_ANY_DYNAMIC_DNS is for the whole mesh only'],
];

for (const [spec, finding] of bad) {
  test(`a Sidecar is refused: ${finding}`, () => {
    assert.deepEqual(broken('Sidecar', spec), [finding]);
  });
}

test('TLS of a Sidecar port needs what a server needs, and redirects nobody', () => {
  const mistakes = (tls: string): readonly string[] => {
    const yaml = `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: a }
spec: { ingress: [{ port: { number: 443, protocol: HTTPS }, tls: ${tls} }] }
`;
    return readText('in.yaml', yaml).items.flatMap(({ diagnostics }) => diagnostics.map(({ message }) => message));
  };
  assert.deepEqual(mistakes('{ mode: SIMPLE, serverCertificate: a.pem, privateKey: a.key }'), []);
  assert.ok(mistakes('{ mode: SIMPLE }').length > 0);
  assert.match(mistakes('{ mode: SIMPLE, httpsRedirect: true, serverCertificate: a.pem, privateKey: a.key }').join(), /does not redirect to https/);
});

test('sourceSubnet of a tcp rule is accepted, warned of and ignored', () => {
  const yaml = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: a }
spec: { hosts: [a], tcp: [{ match: [{ sourceSubnet: 10.0.0.0/8 }], route: [{ destination: { host: a } }] }] }
`;
  const warned = readText('in.yaml', yaml).items.flatMap(({ diagnostics }) => diagnostics);
  assert.deepEqual(
    warned.map(({ code, message }) => `${code} ${message}`),
    ['HDL0012 spec.tcp[0].match[0].sourceSubnet has no effect'],
  );
});

const names = ['a.example', '*.b.example'];

test('tcp and tls rules that Istio takes', () => {
  const good: readonly unknown[] = [
    { hosts: names, tcp: [{ match: [{ destinationSubnets: ['10.0.0.0/8', '10.1.1.1', 'fd00::/8'], sourceSubnet: '1.2.3.4' }], route }] },
    { hosts: names, tls: [{ match: [{ sniHosts: ['A.example', 'x.b.example', '*.b.example', '*.c.b.example'] }], route }] },
  ];
  for (const spec of good) assert.deepEqual(broken('VirtualService', spec), [], JSON.stringify(spec));
});

const badRules: readonly (readonly [spec: unknown, finding: string])[] = [
  [{ hosts: names, tcp: [{ match: [{ port: 1 }] }] }, 'spec.tcp[0].route: the tcp rule says nothing about where connections go'],
  [
    { hosts: names, tcp: [{ match: [{ destinationSubnets: ['10.0.0.0/33'] }], route }] },
    'spec.tcp[0].match[0].destinationSubnets[0]: 10.0.0.0/33 is neither an IP address nor a network',
  ],
  [{ hosts: names, tls: [{ match: [], route }] }, 'spec.tls[0].match: a tls rule needs a match with sniHosts'],
  [{ hosts: names, tls: [{ match: [{ sniHosts: [] }], route }] }, 'spec.tls[0].match[0].sniHosts: a tls match needs at least one server name'],
  [
    { hosts: names, tls: [{ match: [{ sniHosts: ['c.example'] }], route }] },
    'spec.tls[0].match[0].sniHosts[0]: server name c.example is none of the hosts a.example, *.b.example',
  ],
  [
    { hosts: names, tls: [{ match: [{ sniHosts: ['*.example'] }], route }] },
    'spec.tls[0].match[0].sniHosts[0]: server name *.example is none of the hosts a.example, *.b.example',
  ],
];

for (const [spec, finding] of badRules) {
  test(`a VirtualService is refused: ${finding}`, () => {
    assert.deepEqual(broken('VirtualService', spec), [finding]);
  });
}
