// examples/traffic/canary: a new version for those who ask for it, for one in ten, and for copies of orders.
import assert from 'node:assert/strict';
import { inEachNetwork } from '#test/scenario/own-network.ts';
import { example } from '#test/scenario/up.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const host = 'menu.example.com';

inEachNetwork('canary: by weight, by header, and by copies whose answers nobody sees', async (start) => {
  await using up = await start({ path: example('traffic/canary') });
  const dishes = { soup: 0, salad: 0 };
  for (let turn = 0; turn < 200; turn += 1) {
    const { body } = await up.call(host);
    dishes[body.trim() === 'salad' ? 'salad' : 'soup'] += 1;
  }
  // One in ten of 200: outside of this once in a million runs.
  assert.ok(dishes.salad >= 3 && dishes.salad <= 45, JSON.stringify(dishes));

  for (let turn = 0; turn < 10; turn += 1) assert.equal((await up.call(host, '/', { 'x-tester': 'yes' })).body, 'salad\n');

  for (let turn = 0; turn < 5; turn += 1) assert.equal((await up.call(host, `/orders/${turn}`)).body, 'soup\n');
  const copies = async (): Promise<string[]> => (await up.log('menu-v2-0')).split('\n').filter((line) => line.includes(`for ${host}-shadow`));
  await waitUntil('five copies', async () => (await copies()).length === 5);
  assert.match((await copies()).join('\n'), /GET \/orders\/4 for menu\.example\.com-shadow/);
});
