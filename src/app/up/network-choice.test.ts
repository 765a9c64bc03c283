// Which network a mesh gets where namespaces can be had, and where not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseNetwork, type NetworkWish } from '#app/up/network-choice.ts';
import { failed, ok } from '#base/result.ts';
import type { canNetns, NetnsMeans } from '#runtime/netns/availability.ts';

const means: NetnsMeans = {
  isRoot: false,
  cidr: '198.18.0.0/15',
  programs: { unshare: 'unshare', hostname: 'hostname', nsenter: 'nsenter', ip: 'ip', mount: 'mount', rules: { kind: 'nft', path: 'nft' } },
};
const refusal = { code: 'HDL0410', severity: 'error', message: 'this machine keeps user namespaces for root', hint: 'run it as root' } as const;

const granted: typeof canNetns = async () => ok(means);
const refused: typeof canNetns = async () => failed(refusal);

async function chosen(wish: NetworkWish, find: typeof canNetns): Promise<string> {
  const choice = await chooseNetwork(wish, {}, find);
  if (!choice.ok) return `refused: ${choice.error.message}`;
  if (choice.value.kind === 'netns') return 'netns';
  return choice.value.because === undefined ? 'loopback' : `loopback because ${choice.value.because.message}`;
}

test('auto takes a network of its own where it can be had, else loopback, and says why', async () => {
  assert.equal(await chosen({ network: 'auto' }, granted), 'netns');
  assert.equal(await chosen({ network: 'auto', egress: 'host' }, refused), `loopback because ${refusal.message}`);
});

test('what was asked for by name is had or refused', async () => {
  assert.equal(await chosen({ network: 'netns' }, granted), 'netns');
  assert.equal(await chosen({ network: 'netns' }, refused), `refused: ${refusal.message}`);
  const never: typeof canNetns = async () => Promise.reject(new Error('nobody asks'));
  assert.equal(await chosen({ network: 'loopback' }, never), 'loopback');
});

test('what loopback mode cannot keep is not promised: that nothing leaves, and a range of addresses', async () => {
  assert.equal(await chosen({ network: 'auto', egress: 'none' }, refused), `refused: ${refusal.message}`);
  assert.equal(await chosen({ network: 'auto', networkCidr: '10.77.0.0/16' }, refused), `refused: ${refusal.message}`);
  assert.match(await chosen({ network: 'loopback', egress: 'host' }, granted), /^refused: --egress is about a network of the mesh's own/);
  assert.match(await chosen({ network: 'loopback', networkCidr: '10.77.0.0/16' }, granted), /^refused: --network-cidr/);
});
