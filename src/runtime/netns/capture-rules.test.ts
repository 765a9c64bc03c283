// What the rules of a pod say, as text of both programs that write them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CapturePlaces, captureRules, gatewayRules, plainRules } from '#runtime/netns/capture-rules.ts';
import { captureSettings } from '#runtime/netns/capture-settings.ts';
import { iptablesText, nftText } from '#runtime/netns/packet-rule.ts';

const places: CapturePlaces = {
  podAddress: '198.18.0.10',
  proxyAddress: '198.19.128.10',
  nodeAddress: '198.18.0.1',
  insideAddress: '198.18.0.2',
  knowsProxyUser: true,
};
const at = { file: 'pod.yaml', line: 3, col: 5 };
const origins = { start: at, at: () => ({ ...at, line: 9 }) };
const prefix = 'traffic.sidecar.istio.io/';

function settings(annotations: Readonly<Record<string, string>> = {}) {
  const read = captureSettings(annotations, origins);
  assert.ok(read.ok, read.ok ? '' : read.error.message);
  return read.value;
}

/** The rules of one chain, as nft reads them. */
function chain(text: string, name: string): readonly string[] {
  const [, after = ''] = text.split(`chain ${name} {`);
  return after
    .split('}')[0]
    ?.split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('type ')) as readonly string[]; // split gives one part at least
}

test('everything is captured but what the proxy itself does, localhost, the node and the ports of the agent', () => {
  const text = nftText(captureRules(places, settings()));
  assert.deepEqual(chain(text, 'output'), [
    'ip saddr 127.0.0.6 return',
    'oifname "lo" ip saddr 198.19.128.10 ip daddr 198.18.0.10 meta l4proto tcp tcp dport != 15008 redirect to :15006',
    'oifname "lo" ip daddr != 127.0.0.1 meta skuid 1337 meta l4proto tcp tcp dport != 15008 redirect to :15006',
    'oifname "lo" ip daddr != 127.0.0.1 meta skgid 1337 meta l4proto tcp tcp dport != 15008 redirect to :15006',
    'ip saddr 198.19.128.10 return',
    'meta skuid 1337 return',
    'meta skgid 1337 return',
    'ip daddr 198.18.0.1 meta l4proto udp udp dport 53 redirect to :15053',
    'ip daddr 198.18.0.1 meta l4proto tcp tcp dport 53 redirect to :15053',
    'ip daddr 198.18.0.1 return',
    'oifname "lo" return',
    'ip daddr 127.0.0.0/8 return',
    'meta l4proto tcp redirect to :15001',
  ]);
  assert.deepEqual(chain(text, 'prerouting'), [
    'ip saddr 198.18.0.2 meta l4proto tcp dnat to 127.0.0.1',
    'ip saddr 198.18.0.1 return',
    'meta l4proto tcp tcp dport 15008 return',
    'meta l4proto tcp tcp dport 15020 return',
    'meta l4proto tcp tcp dport 15021 return',
    'meta l4proto tcp tcp dport 15090 return',
    'meta l4proto tcp redirect to :15006',
  ]);
  assert.deepEqual(chain(text, 'postrouting'), ['ip saddr 198.19.128.10 snat to 198.18.0.10']);
});

test('the annotations of outbound capture: ranges in and out, ports in and out, interfaces', () => {
  const read = settings({
    [`${prefix}includeOutboundIPRanges`]: '10.0.0.0/8, 198.19.0.0/17',
    [`${prefix}excludeOutboundIPRanges`]: '10.1.0.0/16,192.0.2.7',
    [`${prefix}includeOutboundPorts`]: '443',
    [`${prefix}excludeOutboundPorts`]: '5432,3306',
    [`${prefix}excludeInterfaces`]: 'docker0',
  });
  const output = chain(nftText(captureRules({ ...places, knowsProxyUser: false }, read)), 'output');
  assert.deepEqual(output.slice(1, 4), [
    'oifname "docker0" return',
    'meta l4proto tcp tcp dport 5432 return',
    'meta l4proto tcp tcp dport 3306 return',
  ]);
  assert.deepEqual(output.slice(-5), [
    'meta l4proto tcp tcp dport 443 redirect to :15001',
    'ip daddr 10.1.0.0/16 return',
    'ip daddr 192.0.2.7/32 return',
    'ip daddr 10.0.0.0/8 meta l4proto tcp redirect to :15001',
    'ip daddr 198.19.0.0/17 meta l4proto tcp redirect to :15001',
  ]);
  assert.doesNotMatch(output.join(), /1337/);
  const none = chain(nftText(captureRules(places, settings({ [`${prefix}includeOutboundIPRanges`]: '' }))), 'output');
  assert.doesNotMatch(none.join(), /15001/);
  const all = chain(nftText(captureRules(places, settings({ [`${prefix}includeOutboundIPRanges`]: '*' }))), 'output');
  assert.equal(all.at(-1), 'meta l4proto tcp redirect to :15001');
});

test('the annotations of inbound capture: some ports, no port, all but some', () => {
  const inbound = (annotations: Readonly<Record<string, string>>) =>
    chain(nftText(captureRules(places, settings(annotations))), 'prerouting').slice(6);
  assert.deepEqual(inbound({ [`${prefix}includeInboundPorts`]: '80,8080' }), [
    'meta l4proto tcp tcp dport 80 redirect to :15006',
    'meta l4proto tcp tcp dport 8080 redirect to :15006',
  ]);
  assert.deepEqual(inbound({ [`${prefix}includeInboundPorts`]: '' }), []);
  assert.deepEqual(inbound({ [`${prefix}excludeInboundPorts`]: '9000' }), [
    'meta l4proto tcp tcp dport 9000 return',
    'meta l4proto tcp redirect to :15006',
  ]);
});

test('an annotation that cannot be read is an error with its place', () => {
  for (const [name, value, what] of [
    ['excludeInboundPorts', '80,x', /x is no port/],
    ['includeInboundPorts', '70000', /70000 is no port/],
    ['excludeOutboundIPRanges', '10.0.0.0/40', /10.0.0.0\/40 is no range/],
    ['excludeInterfaces', 'eth0; flush ruleset', /is no name of an interface/],
  ] as const) {
    const read = captureSettings({ [`${prefix}${name}`]: value }, origins);
    assert.ok(!read.ok, name);
    assert.match(read.error.message, what);
    assert.equal(read.error.at?.line, 9);
  }
});

test('of a gateway only questions for names are captured, of a pod without a proxy nothing', () => {
  const gateway = nftText(gatewayRules(places));
  assert.deepEqual(chain(gateway, 'output'), [
    'ip saddr 198.19.128.10 return',
    'ip daddr 198.18.0.1 meta l4proto udp udp dport 53 redirect to :15053',
    'ip daddr 198.18.0.1 meta l4proto tcp tcp dport 53 redirect to :15053',
  ]);
  assert.deepEqual(chain(gateway, 'prerouting'), ['ip saddr 198.18.0.2 meta l4proto tcp dnat to 127.0.0.1']);
  const plain = nftText(plainRules(places));
  assert.deepEqual([chain(plain, 'output'), chain(plain, 'postrouting')], [[], []]);
});

test('iptables-restore is told the same', () => {
  const lines = iptablesText(captureRules(places, settings({ [`${prefix}excludeOutboundPorts`]: '5432' }))).split('\n');
  assert.equal(lines[0], '*nat');
  assert.deepEqual(lines.slice(-2), ['COMMIT', '']);
  for (const line of [
    '-A OUTPUT -s 127.0.0.6 -j RETURN',
    '-A OUTPUT -p tcp --dport 5432 -j RETURN',
    '-A OUTPUT -o lo -s 198.19.128.10 -d 198.18.0.10 -p tcp ! --dport 15008 -j REDIRECT --to-ports 15006',
    '-A OUTPUT -o lo ! -d 127.0.0.1 -m owner --uid-owner 1337 -p tcp ! --dport 15008 -j REDIRECT --to-ports 15006',
    '-A OUTPUT -d 198.18.0.1 -p udp --dport 53 -j REDIRECT --to-ports 15053',
    '-A OUTPUT -p tcp -j REDIRECT --to-ports 15001',
    '-A PREROUTING -s 198.18.0.2 -p tcp -j DNAT --to-destination 127.0.0.1',
    '-A PREROUTING -p tcp -j REDIRECT --to-ports 15006',
    '-A POSTROUTING -s 198.19.128.10 -j SNAT --to-source 198.18.0.10',
  ]) {
    assert.ok(lines.includes(line), line);
  }
});

test('rules of IPv6 are the same with its addresses, and with its ranges alone', () => {
  const places6: CapturePlaces = { podAddress: 'fd00:18::a', proxyAddress: 'fd00:18::c000:a', nodeAddress: 'fd00:18::1', knowsProxyUser: false };
  const read = settings({ [`${prefix}excludeOutboundIPRanges`]: '10.1.0.0/16,2001:db8::/32' });
  const text = nftText(captureRules(places6, read), 'ip6');
  assert.match(text, /^table ip6 heddle/);
  assert.deepEqual(chain(text, 'output'), [
    'ip6 saddr ::6 return',
    'oifname "lo" ip6 saddr fd00:18::c000:a ip6 daddr fd00:18::a meta l4proto tcp tcp dport != 15008 redirect to :15006',
    'ip6 saddr fd00:18::c000:a return',
    'ip6 daddr fd00:18::1 meta l4proto udp udp dport 53 redirect to :15053',
    'ip6 daddr fd00:18::1 meta l4proto tcp tcp dport 53 redirect to :15053',
    'ip6 daddr fd00:18::1 return',
    'oifname "lo" return',
    'ip6 daddr ::1/128 return',
    'ip6 daddr 2001:db8::/32 return',
    'meta l4proto tcp redirect to :15001',
  ]);
  assert.equal(chain(text, 'prerouting')[0], 'ip6 saddr fd00:18::1 return');
  assert.deepEqual(plainRules(places6), []);
});
