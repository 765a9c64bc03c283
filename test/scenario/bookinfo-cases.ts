// What Bookinfo does, in whatever network it runs: a page made of four services, one of them in three versions, with one request id all the way.
import assert from 'node:assert/strict';
import type { UpCase } from '#test/scenario/hello-cases.ts';
import { example } from '#test/scenario/up.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const host = 'bookinfo.example.com';

/** What the service reviews answers. */
type Reviews = { readonly podname: string; readonly reviews: readonly { readonly rating?: object }[] };

export const bookinfoCases: readonly UpCase[] = [
  {
    name: 'bookinfo: the page shows every service, versions take turns, one user sees one version',
    run: async (start) => {
      await using up = await start({ path: example('bookinfo') });
      const page = await up.call(host, '/productpage');
      assert.equal(page.status, 200);
      assert.match(page.body, /William Shakespeare/);
      assert.match(page.body, /Reviewer1/);
      assert.doesNotMatch(page.body, /not available/);

      const seen = new Set<string>();
      await waitUntil('an answer of each version', async () => {
        const { body } = await up.call(host, '/api/v1/products/0/reviews');
        seen.add(/"podname":"([^"]+)"/.exec(body)?.[1] ?? body);
        return seen.size === 3;
      });
      for (let turn = 0; turn < 6; turn += 1) {
        const { body } = await up.call(host, '/api/v1/products/0/reviews', { 'end-user': 'jason' });
        const { podname, reviews } = JSON.parse(body) as Reviews;
        assert.equal(podname, 'reviews-v2-0');
        assert.deepEqual(reviews[0]?.rating, { stars: 5, color: 'black' });
      }

      const id = 'f0e1d2c3-0000-4000-8000-a1b2c3d4e5f6';
      const traced = await up.call(host, '/api/v1/products/0/reviews', { 'end-user': 'jason', 'x-request-id': id });
      assert.equal(traced.status, 200);
      // The ingress gateway is the edge: it replaces the id of a caller it does not trust, so the id to follow is the one it logs.
      const idOf = async (name: string, path: string): Promise<readonly string[]> =>
        (await up.log(name))
          .split('\n')
          .filter((line) => line.includes(path))
          .flatMap((line) => /"([0-9a-f]{8}-[0-9a-f-]{27})"/.exec(line)?.[1] ?? []);
      await waitUntil('one request id at the gateway, at productpage, at reviews and at ratings', async () => {
        const last = (await idOf('istio-ingressgateway-0.istio-system.proxy', '/api/v1/products/0/reviews')).at(-1);
        if (last === undefined) return false;
        const others = await Promise.all([
          idOf('productpage-v1-0.proxy', '/reviews/0'),
          idOf('reviews-v2-0.proxy', '/ratings/0'),
          idOf('ratings-v1-0.proxy', '/ratings/0'),
        ]);
        return others.every((ids) => ids.includes(last));
      });
    },
  },
];
