// examples/traffic/locality-failover: callers are served in their own region, and in the other as long as theirs fails.
import assert from 'node:assert/strict';
import { inEachNetwork } from '#test/scenario/own-network.ts';
import { example, type StartMesh } from '#test/scenario/up.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const host = 'shop.example.com';

inEachNetwork('locality failover: callers stay in their region, leave it when it fails, and come back', stayLeaveAndComeBack, { atOnce: true });

async function stayLeaveAndComeBack(start: StartMesh): Promise<void> {
  await using up = await start({ path: example('traffic/locality-failover') });
  const seller = async (region: string): Promise<string> => (await up.call(host, `/${region}`)).body.trim();
  for (let turn = 0; turn < 3; turn += 1) assert.deepEqual([await seller('east'), await seller('west')], ['sold in east', 'sold in west']);
  await up.call(host, '/shop/east/break');
  assert.equal(await seller('east'), 'no luck in east');
  await waitUntil('the other region sells', async () => (await seller('east')) === 'sold in west');
  assert.equal(await seller('west'), 'sold in west');
  await up.call(host, '/shop/east/heal');
  await waitUntil('the own region is back', async () => (await seller('east')) === 'sold in east', { timeoutMs: 30_000 });
}
