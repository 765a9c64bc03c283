// From Services and EndpointSlices to the node's rules: only who is ready is there, each port goes to its own.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AnyResource, KindMap } from '#api/kinds.ts';
import { servedPorts } from '#runtime/netns/served-port.ts';
import { serviceRules, serviceRulesForIptables } from '#runtime/netns/service-rules.ts';

const at = { file: 'mesh.yaml', line: 1, col: 1 };
const origins = { start: at, at: () => at };
const metadata = { name: 'web', namespace: 'default', labels: {}, annotations: {} };

function service(spec: KindMap['Service']['spec']): KindMap['Service'] {
  return { apiVersion: 'v1', kind: 'Service', metadata, origins, spec };
}

function slice(address: string, ready: boolean, ports: KindMap['EndpointSlice']['ports']): KindMap['EndpointSlice'] {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...metadata, name: address, labels: { 'kubernetes.io/service-name': 'web' } },
    origins,
    addressType: 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready } }],
    ...(ports !== undefined && { ports }),
  };
}

const http = { name: 'http', port: 8080 };
const resources: readonly AnyResource[] = [
  service({
    clusterIP: '198.19.0.5',
    ports: [
      { name: 'http', port: 80 },
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'none', port: 99 },
    ],
  }),
  slice('198.18.0.10', true, [http, { name: 'dns', port: 5353, protocol: 'UDP' }]),
  slice('198.18.0.11', true, [http]),
  slice('198.18.0.12', false, [http]),
];

test('an address of IPv4 in the form of IPv6 is left out: rules of IPv4 with it are refused, all of them', () => {
  const mapped = [service({ clusterIP: '::ffff:198.19.0.6', ports: [{ name: 'http', port: 80 }] }), slice('198.18.0.10', true, [http])];
  assert.deepEqual(servedPorts(mapped), []);
  const behind = [service({ clusterIP: '198.19.0.5', ports: [{ name: 'http', port: 80 }] }), slice('::ffff:198.18.0.10', true, [http])];
  assert.deepEqual(servedPorts(behind), []);
});

test('ready endpoints of each port; nobody for what nobody serves, and nothing without an address', () => {
  assert.deepEqual(servedPorts(resources), [
    {
      address: '198.19.0.5',
      protocol: 'tcp',
      port: 80,
      endpoints: [
        { address: '198.18.0.10', port: 8080 },
        { address: '198.18.0.11', port: 8080 },
      ],
    },
    { address: '198.19.0.5', protocol: 'udp', port: 53, endpoints: [{ address: '198.18.0.10', port: 5353 }] },
  ]);
  assert.deepEqual(servedPorts([service({ clusterIP: 'None', ports: [{ name: 'http', port: 80 }] }), ...resources.slice(1)]), []);
});

const node = { nodeAddress: '198.18.0.1', egress: { cidr: '198.18.0.0/15', port: 15_999 } };
const node6 = { nodeAddress: 'fd00:18::1', egress: { cidr: 'fd00:18::/64', port: 15_999 } };

test('nft is told of all choices, the way out, and pods that call themselves', () => {
  const text = serviceRules(servedPorts(resources), node);
  assert.equal(
    text,
    `table ip heddle-services {}
delete table ip heddle-services
table ip heddle-services {
  chain to-198-18-0-10-tcp-8080 { meta l4proto tcp dnat to 198.18.0.10:8080; }
  chain to-198-18-0-11-tcp-8080 { meta l4proto tcp dnat to 198.18.0.11:8080; }
  chain to-198-18-0-10-udp-5353 { meta l4proto udp dnat to 198.18.0.10:5353; }
  chain prerouting {
    type nat hook prerouting priority -100; policy accept;
    ip daddr 198.19.0.5 tcp dport 80 numgen random mod 2 vmap { 0 : goto to-198-18-0-10-tcp-8080, 1 : goto to-198-18-0-11-tcp-8080 }
    ip daddr 198.19.0.5 udp dport 53 numgen random mod 1 vmap { 0 : goto to-198-18-0-10-udp-5353 }
    ip daddr != { 198.18.0.0/15, 127.0.0.0/8 } meta l4proto tcp dnat to 198.18.0.1:15999
  }
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    ip saddr . ip daddr { 198.18.0.10 . 198.18.0.10, 198.18.0.11 . 198.18.0.11 } snat to 198.18.0.1
  }
}
`,
  );
  assert.doesNotMatch(serviceRules([], { ...node, egress: undefined }), /dnat|snat/);
});

test('iptables-restore is told the same, with chances that are equal in the end', () => {
  const lines = serviceRulesForIptables(servedPorts(resources), node).split('\n');
  assert.deepEqual(lines.slice(3, -1), [
    '-A PREROUTING -d 198.19.0.5 -p tcp --dport 80 -m statistic --mode random --probability 0.50000000 -j DNAT --to-destination 198.18.0.10:8080',
    '-A PREROUTING -d 198.19.0.5 -p tcp --dport 80 -j DNAT --to-destination 198.18.0.11:8080',
    '-A PREROUTING -d 198.19.0.5 -p udp --dport 53 -j DNAT --to-destination 198.18.0.10:5353',
    '-A PREROUTING -d 198.18.0.0/15 -j RETURN',
    '-A PREROUTING -d 127.0.0.0/8 -j RETURN',
    '-A PREROUTING -p tcp -j DNAT --to-destination 198.18.0.1:15999',
    '-A POSTROUTING -s 198.18.0.10 -d 198.18.0.10 -j SNAT --to-source 198.18.0.1',
    '-A POSTROUTING -s 198.18.0.11 -d 198.18.0.11 -j SNAT --to-source 198.18.0.1',
    'COMMIT',
  ]);
});

test('a Service of both families has rules in both, and each family leads to its own endpoints', () => {
  const both = [
    service({ clusterIP: '198.19.0.5', clusterIPs: ['198.19.0.5', 'fd00:18::8000:5'], ports: [{ name: 'http', port: 80 }] }),
    slice('198.18.0.10', true, [http]),
    slice('fd00:18::a', true, [http]),
  ];
  const ports = servedPorts(both);
  assert.deepEqual(ports, [
    { address: '198.19.0.5', protocol: 'tcp', port: 80, endpoints: [{ address: '198.18.0.10', port: 8080 }] },
    { address: 'fd00:18::8000:5', protocol: 'tcp', port: 80, endpoints: [{ address: 'fd00:18::a', port: 8080 }] },
  ]);
  assert.doesNotMatch(serviceRules(ports, node), /fd00/);
  assert.equal(
    serviceRules(ports, node6),
    `table ip6 heddle-services {}
delete table ip6 heddle-services
table ip6 heddle-services {
  chain to-fd00-18--a-tcp-8080 { meta l4proto tcp dnat to [fd00:18::a]:8080; }
  chain prerouting {
    type nat hook prerouting priority -100; policy accept;
    ip6 daddr fd00:18::8000:5 tcp dport 80 numgen random mod 1 vmap { 0 : goto to-fd00-18--a-tcp-8080 }
    ip6 daddr != { fd00:18::/64, ::1/128 } meta l4proto tcp dnat to [fd00:18::1]:15999
  }
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    ip6 saddr . ip6 daddr { fd00:18::a . fd00:18::a } snat to fd00:18::1
  }
}
`,
  );
  assert.deepEqual(serviceRulesForIptables(ports, node6).split('\n').slice(3, -2), [
    '-A PREROUTING -d fd00:18::8000:5 -p tcp --dport 80 -j DNAT --to-destination [fd00:18::a]:8080',
    '-A PREROUTING -d fd00:18::/64 -j RETURN',
    '-A PREROUTING -d ::1/128 -j RETURN',
    '-A PREROUTING -p tcp -j DNAT --to-destination [fd00:18::1]:15999',
    '-A POSTROUTING -s fd00:18::a -d fd00:18::a -j SNAT --to-source fd00:18::1',
  ]);
});
