// What the hello example and its mesh do, in whatever network they run: gateway, sidecar, application; weights, and failures that name their cause.
import assert from 'node:assert/strict';
import { type DataPlane, example, type StartMesh } from '#test/scenario/up.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const host = 'hello.example.com';

export type UpCase = { readonly name: string; readonly run: (start: StartMesh, dataPlane: DataPlane) => Promise<void> };

export const helloCases: readonly UpCase[] = [
  {
    name: 'hello answers, nine of ten times by v1',
    run: async (start, dataPlane) => {
      await using up = await start({ path: example('hello') });
      const first = await up.call(host);
      assert.equal(first.status, 200);
      assert.match(first.body, /^hello from v[12] \(hello-v[12]\)\n$/);
      const count = 1_000;
      let v2 = 0;
      for (let asked = 0; asked < count; asked += 20) {
        const answers = await Promise.all(Array.from({ length: 20 }, () => up.call(host)));
        v2 += answers.filter(({ status, headers }) => status === 200 && headers['x-version'] === 'v2').length;
        assert.ok(answers.every(({ status }) => status === 200));
      }
      // Binomial, n = 1000, p = 0.1: standard deviation 9.5. The proxies' random source takes no seed, so the tolerance is 5 deviations.
      console.log(`# ${dataPlane}: ${v2} of ${count} answers by v2; expected 100 ± 48`);
      assert.ok(Math.abs(v2 - 100) <= 48, `${v2} of ${count} by v2`);
    },
  },

  {
    name: 'a host that nobody serves is 404, flag NR in the gateway log',
    run: async (start) => {
      await using up = await start({ path: example('hello') });
      const answer = await up.call('other.example.com');
      assert.equal(answer.status, 404);
      await waitUntil('the line in the access log', async () =>
        / 404 NR route_not_found .*"other\.example\.com"/.test(await up.log('istio-ingressgateway-0.istio-system.proxy')),
      );
    },
  },

  {
    name: 'the mesh as it is often published starts, names its mistakes, and its 503 names the cause',
    run: async (start) => {
      await using up = await start({ path: example('hello/as-published') });
      const found = up.events().flatMap(({ diagnostics = [] }) => diagnostics);
      const lines = found.map(({ code, at }) => `${at?.file.split('/').at(-1)}:${at?.line} ${code}`).sort();
      assert.deepEqual(lines, ['hello.yaml:27 HDL0022', 'hello.yaml:32 HDL0010', 'hello.yaml:9 HDL0020', 'routing.yaml:33 IST0101']);
      const answer = await up.call(host);
      assert.equal(answer.status, 503);
      assert.match(answer.body, /cluster_not_found/);
      assert.match(answer.body, /virtual-service\/hello/);
    },
  },
];
