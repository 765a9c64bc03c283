import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { NameReport } from '#admin/client/name-view.ts';
import { queryNameInFiles } from '#app/name-query-files.ts';

const file = fileURLToPath(new URL('../../test/golden/dns/names/in.yaml', import.meta.url));

async function query(name: string, type = 'A', workload = 'web'): Promise<NameReport> {
  const report = await queryNameInFiles({ name, type, workload, namespace: 'shop' }, [file]);
  assert.ok(report.ok);
  return report.value;
}

/** `name result by` of each name that was tried. */
const tried = ({ steps }: NameReport): readonly string[] => steps.map(({ name, result, by }) => `${name}: ${result}, ${by}`);

suite('a name', () => {
  test('comes to an address, by a host of a line', async () => {
    const { workload, answers, host, steps } = await query('web');
    assert.deepEqual(answers, [{ name: 'web.shop.svc.cluster.local', ttlSeconds: 30, type: 'A', data: '10.1.0.10' }]);
    assert.deepEqual([workload, host?.resource, host?.match], ['shop/web-0', 'Service shop/web', 'exact']);
    assert.match(host?.at ?? '', /in\.yaml:15:1$/);
    assert.deepEqual(steps, [{ name: 'web.shop.svc.cluster.local', result: 'found', by: 'proxy' }]);
  });

  test('of a host outside is meant without the search domain, and has an automatic address', async () => {
    const { host, answers } = await query('queue.example.com');
    assert.deepEqual([host?.expandedFrom, host?.automatic, answers.at(-1)?.data], ['queue.example.com', true, '240.240.164.55']);
  });

  test('with a dot at the end is asked for as it is', async () => {
    assert.deepEqual(tried(await query('queue.example.com.')), ['queue.example.com: found, proxy']);
  });

  test('that the proxy is not told of is answered by the node, and that is said', async () => {
    const report = await query('private.data');
    assert.deepEqual(tried(report), ['private.data.shop.svc.cluster.local: no such name, node', 'private.data.svc.cluster.local: found, node']);
    assert.match(report.note ?? '', /its proxy is not told of this host/);
  });

  test('of nobody: every name that was tried, and the one that may be meant', async () => {
    const report = await query('wbe');
    assert.deepEqual([report.result, report.note], ['outside', 'did you mean web?']);
    assert.deepEqual(
      tried(report).map((line) => line.split(':')[0]),
      ['wbe.shop.svc.cluster.local', 'wbe.svc.cluster.local', 'wbe.cluster.local', 'wbe'],
    );
  });

  test('of an address', async () => {
    assert.equal((await query('10.244.249.116', 'PTR')).answers[0]?.data, 'db-0.db.data.svc.cluster.local');
    const wrong = await queryNameInFiles({ name: 'web', type: 'PTR', workload: 'web', namespace: 'shop' }, [file]);
    assert.match(wrong.ok ? '' : wrong.error, /^PTR asks for the name of an address, and 'web' is none/);
  });

  test('without data of the type', async () => {
    const report = await query('dual', 'AAAA');
    assert.deepEqual([report.result, report.answers, report.note], ['found', [], 'there is such a host, and it has no data of type AAAA']);
  });

  test('that can be none is said to be none', async () => {
    for (const name of ['', '.', 'a..b', '.web', 'x'.repeat(64), 'x.'.repeat(130)]) {
      const report = await queryNameInFiles({ name, type: 'A', workload: 'web', namespace: 'shop' }, [file]);
      assert.equal(report.ok ? '' : report.error.split('\n')[0], `'${name}' is no name`);
    }
    const long = `${'x.'.repeat(120)}y`;
    assert.deepEqual(tried(await query(long)), [`${long}: outside, node`], 'too long with a search domain');
  });

  test('asked for by nobody, or by a type that there is not', async () => {
    const nobody = await queryNameInFiles({ name: 'web', type: 'A', workload: 'shop', namespace: 'shop' }, [file]);
    assert.match(nobody.ok ? '' : nobody.error, /^there is no workload shop\/shop; /);
    const type = await queryNameInFiles({ name: 'web', type: 'XX', workload: 'web', namespace: 'shop' }, [file]);
    assert.match(type.ok ? '' : type.error, /^there is no record type XX/);
  });
});
