// Which range a mesh takes, how it is divided, and why a machine cannot: in words that say what to do.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCidr } from '#base/cidr.ts';
import { AddressBook } from '#runtime/netns/address-book.ts';
import { addressPlan, planText } from '#runtime/netns/address-plan.ts';
import { canNetns, chooseRange, explain } from '#runtime/netns/availability.ts';
import { parseIpv6Routes, parseRoutes } from '#runtime/netns/host-routes.ts';
import { tryNamespaces } from '#runtime/netns/trial.ts';

const routes = parseRoutes(`Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
utun\t000012C6\t00000000\t0001\t0\t0\t0\t0000FEFF\t0\t0\t0
`);

test('a range is divided into this machine, pods, Services and proxies', () => {
  const plan = addressPlan('198.18.0.0/15');
  assert.ok(plan.ok);
  const { nodeAddress, insideAddress, serviceCidr, podCount, podAddress, proxyAddress } = plan.value;
  assert.deepEqual([nodeAddress, insideAddress, serviceCidr, podCount], ['198.18.0.1', '198.18.0.2', '198.19.0.0/17', 32_758]);
  assert.deepEqual(
    [podAddress(0), podAddress(300), proxyAddress(0), proxyAddress(300)],
    ['198.18.0.10', '198.18.1.54', '198.19.128.10', '198.19.129.54'],
  );
  assert.ok(proxyAddress(podCount - 1) === '198.19.255.255');
  const small = addressPlan('10.9.8.7/22');
  assert.ok(small.ok && small.value.cidr === '10.9.8.0/22' && small.value.podAddress(small.value.podCount - 1) === '10.9.8.255');
});

test('what is no such range is said', () => {
  for (const [text, why] of [
    ['198.18.0.0', /no range/],
    ['10.0.0.0/28', /from \/8 to \/22/],
    ['ten', /no range/],
    ['127.0.0.0/8', /addresses of 127\.0\.0\.0\/8 mean every machine's own/],
    ['126.0.0.0/7', /from \/8 to \/22/],
    ['0.0.0.0/8', /0\.0\.0\.0\/8/],
    ['169.254.0.0/16', /169\.254\.0\.0\/16/],
    ['224.0.0.0/8', /224\.0\.0\.0\/3/],
    ['255.0.0.0/8', /224\.0\.0\.0\/3/],
    ['198.18.0.0/15,10.0.0.0/8', /several ranges of one family/],
    ['198.18.0.0/15,fd00::/112', /from \/16 to \/96/],
    ['198.18.0.0/15,fe80::/64', /one cable alone/],
    ['198.18.0.0/15,::1:0:0/80', /no machine/],
    ['198.18.0.0/15,::ffff:10.0.0.0/120', /no range/],
    ['198.18.0.0/15,fd00::1', /no range/],
  ] as const) {
    const plan = addressPlan(text);
    assert.match(plan.ok ? '' : plan.error, why, text);
  }
});

test('with a range of IPv6 each has an address of both; IPv6 alone gets the usual IPv4 beside it', () => {
  const plan = addressPlan(' fd00:18::7/64, 198.18.0.0/15');
  assert.ok(plan.ok && plan.value.ipv6 !== undefined);
  const { cidr, nodeAddress, serviceCidr, podAddress, proxyAddress } = plan.value.ipv6;
  assert.deepEqual([plan.value.cidr, cidr, nodeAddress, serviceCidr], ['198.18.0.0/15', 'fd00:18::/64', 'fd00:18::1', 'fd00:18::8000:0/98']);
  assert.deepEqual([podAddress(0), podAddress(300), proxyAddress(0)], ['fd00:18::a', 'fd00:18::136', 'fd00:18::c000:a']);
  assert.equal(planText(plan.value), '198.18.0.0/15,fd00:18::/64');
  const routed = parseIpv6Routes(`fd000018000000000000000000000000 30 ${zeros} 00 ${zeros} 00000100 00000001 00000000 00000001     wg0
${zeros} 00 ${zeros} 00 ${zeros} ffffffff 00000001 00000000 00200200       lo
`);
  assert.deepEqual(
    routed.map(({ device, range }) => `${device} ${range.text}`),
    ['wg0 fd00:0018:0000:0000:0000:0000:0000:0000/48'],
  );
  const beside = chooseRange('fd00:77::/64', [...routes, ...routed]);
  assert.ok(beside.ok && planText(beside.value) === '10.198.0.0/15,fd00:77::/64');
  const taken = chooseRange('fd00:18::/64', routed);
  assert.match(taken.ok ? '' : `${taken.error.message} | ${taken.error.hint}`, /fd00:18::\/64 is in use.*through wg0 \| .*fd00:77/);
});

const zeros = '0'.repeat(32);

test('routes of this machine are read, and a range that is in use is not taken', () => {
  assert.deepEqual(
    routes.map(({ device, range }) => `${device} ${range.text}`),
    ['eth0 192.168.1.0/24', 'utun 198.18.0.0/15'],
  );
  const next = chooseRange(undefined, routes);
  assert.ok(next.ok && next.value.cidr === '10.198.0.0/15');
  const asked = chooseRange('198.18.128.0/20', routes);
  assert.match(asked.ok ? '' : asked.error.message, /in use: this machine has a route to 198\.18\.0\.0\/15 through utun/);
  const all = ['198.18.0.0/15', '10.0.0.0/8', '100.64.0.0/10', '172.16.0.0/12']
    .flatMap((cidr) => parseCidr(cidr) ?? [])
    .map((range) => ({ device: 'tun0', range }));
  const none = chooseRange(undefined, all);
  assert.ok(!none.ok && none.error.code === 'HDL0411');
});

test('why not: what this machine says of itself comes before what a program said', () => {
  const refused = { step: 'unshare', said: 'unshare: unshare failed: Operation not permitted' } as const;
  const reading = (settings: Readonly<Record<string, string>>) => (path: string) => settings[path] ?? '';
  const message = (settings: Readonly<Record<string, string>>, isContainer = false) => {
    const { message: text, hint } = explain(refused, false, reading(settings), isContainer);
    return `${text} | ${hint}`;
  };
  assert.match(message({ 'user/max_user_namespaces': '0' }), /switched off.*max_user_namespaces=/);
  assert.match(message({ 'kernel/unprivileged_userns_clone': '0' }), /for root.*unprivileged_userns_clone=1/);
  assert.match(message({ 'kernel/apparmor_restrict_unprivileged_userns': '1' }), /AppArmor.*apparmor_restrict_unprivileged_userns=0/);
  assert.match(message({}, true), /container.*--privileged/);
  assert.match(message({}), /namespaces are refused \(unshare: .*not permitted\).*administrator/);
  assert.match(
    explain({ step: 'settings', said: 'sh: cannot create /proc/sys/net/ipv4/ip_forward: Read-only file system' }, true, reading({}), false).message,
    /settings .* Read-only/,
  );
  assert.match(explain({ step: 'rules', said: '' }, true, reading({})).message, /takes no rules/);
});

test('a program that is missing is named with its package', async () => {
  const found = await canNetns({ environment: { PATH: '' }, routes: [], programFolders: [] });
  assert.ok(!found.ok);
  assert.match(found.error.message, /lacks unshare \(package util-linux\).* ip \(package iproute2\).* nft \(package nftables\), or iptables-restore/);
});

test('an address that was given back is the last to be given again', () => {
  const book = new AddressBook(3);
  assert.deepEqual([book.take(), book.take()], [0, 1]);
  book.giveBack(0);
  assert.deepEqual([book.take(), book.take(), book.take()], [2, 0, undefined]);
});

test('the first thing that a machine refuses is told with what was said about it', async () => {
  const without = await tryNamespaces(true, { unshare: '/bin/false', ip: '', mount: '', rules: [] });
  assert.deepEqual(without, { ok: false, error: { step: 'unshare', said: '' } });
});
