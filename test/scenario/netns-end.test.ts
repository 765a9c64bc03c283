// However `heddle up` ends in a network of its own, nothing of it stays, and neither of its two processes outlives the other.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { inOwnNetwork } from '#test/scenario/own-network.ts';
import { example, isAlive, type Up } from '#test/scenario/up.ts';
import { waitUntil } from '#test/support/wait-until.ts';

/** Every process below the command: the one inside, proxies, programs, and what holds the pods' namespaces. */
function family(pid: number): readonly number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      // proc(5): the name of the program is in brackets; the parent is the second field behind it.
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // It ended meanwhile.
    }
  }
  const isBelow = (one: number): boolean => one === pid || (parents.has(one) && isBelow(parents.get(one) ?? 0));
  return [...parents.keys()].filter((one) => one > 1 && isBelow(one));
}

async function inside(up: Up): Promise<number> {
  const { pid } = (await up.state()).processes.find(({ name }) => name === 'control plane') ?? { pid: 0 };
  assert.ok(pid > 1);
  return pid;
}

async function assertAllGone(pids: readonly number[]): Promise<void> {
  await waitUntil('every process has ended', () => pids.every((pid) => !isAlive(pid)), { timeoutMs: 10_000 });
}

inOwnNetwork(
  'a signal to every process of the command means it once: the mesh drains and ends',
  async (start) => {
    await using up = await start({ path: example('hello') });
    const inner = await inside(up);
    const all = family(up.process.pid);
    // The command, the process inside, a watchdog; for each of three pods its namespaces and its proxy, and two applications.
    assert.ok(all.length >= 11, all.join());
    up.process.signal('SIGTERM');
    process.kill(inner, 'SIGTERM');
    assert.deepEqual(await up.process.exited, { code: 0, signal: null }, up.process.output());
    assert.equal(up.events().filter(({ kind }) => kind === 'stopped').length, 3);
    await assertAllGone(all);
  },
  ['embedded'],
);

inOwnNetwork(
  'after kill -9 of the command nothing is left of it, inside or out',
  async (start) => {
    await using up = await start({ path: example('hello') });
    const all = family(up.process.pid);
    up.process.signal('SIGKILL');
    await up.process.exited;
    await assertAllGone(all);
  },
  'each once',
);

inOwnNetwork(
  'after kill -9 of the process inside the command ends and says so; nothing is left',
  async (start) => {
    await using up = await start({ path: example('hello') });
    const inner = await inside(up);
    const all = family(up.process.pid);
    process.kill(inner, 'SIGKILL');
    assert.deepEqual(await up.process.exited, { code: 1, signal: null });
    assert.match(up.process.stderr(), /the process of the mesh was ended by SIGKILL/);
    await assertAllGone(all);
  },
  ['embedded'],
);

inOwnNetwork(
  'two meshes run at once, each with all addresses and ports for itself',
  async (start) => {
    await using one = await start({ path: example('hello') });
    await using two = await start({ path: example('hello') });
    const [first, second] = [await one.state(), await two.state()];
    assert.deepEqual(
      first.workloads.map(({ address }) => address),
      second.workloads.map(({ address }) => address),
    );
    assert.notEqual(first.gatewayUrl, second.gatewayUrl);
    for (const up of [one, two]) assert.equal((await up.call('hello.example.com')).status, 200);
  },
  ['embedded'],
);
