import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DenialWatch, type DeniedEvent } from '#app/up/denials.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { HandClock } from '#test/support/hand-clock.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const mesh = buildMesh(
  snapshotOf(
    resourcesOf(`apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: closed, namespace: shop }
spec:
  action: DENY
  rules:
    - to: [{ operation: { paths: [/admin] } }]
    - to: [{ operation: { paths: [/secret] } }]
`),
  ),
);

const own = (rule: number, path: string) =>
  `2026-01-01T00:00:00.000Z warn request denied: denied by policy shop/closed, rule ${rule}: path is ${path} for anything from=GET shop.example.com/ from 127.0.0.1:1\n`;

test('a denial in the log of a proxy is told with the line of its rule, and the same again only counted', async () => {
  await using folder = await temporaryFolder({ 'web.proxy.log': '', 'web.log': '' });
  const clock = new HandClock();
  const events: DeniedEvent[] = [];
  using _watch = new DenialWatch({ folder: folder.path, dataPlane: 'embedded', mesh: () => mesh, clock, emit: (event) => void events.push(event) });
  const add = (file: string, text: string): void => appendFileSync(join(folder.path, file), text);
  const until = (count: number): Promise<unknown> =>
    waitUntil(`${count} events`, () => {
      clock.advance(200);
      return events.length >= count;
    });
  add('web.log', own(0, '/admin'));
  add('web.proxy.log', `hello\n${own(1, '/secret')}${own(1, '/secret')}${own(1, '/secret').slice(0, 60)}`);
  await until(1);
  assert.match(events[0]?.at ?? '', /:8:7$/);
  assert.deepEqual([events[0]?.workload, events[0]?.more], ['web', 0]);
  assert.equal(events[0]?.why, 'denied by policy shop/closed, rule 1: path is /secret for anything');
  assert.equal(events[0]?.asked, 'GET shop.example.com/ from 127.0.0.1:1');
  add('web.proxy.log', own(1, '/secret').slice(60));
  await until(2);
  assert.deepEqual([events[1]?.workload, events[1]?.more, events[1]?.asked], ['web', 2, undefined]);
});

test('whoever knocks without end at many doors does not fill the screen', async () => {
  await using folder = await temporaryFolder({ 'web.proxy.log': '' });
  const clock = new HandClock();
  const events: DeniedEvent[] = [];
  using _watch = new DenialWatch({ folder: folder.path, dataPlane: 'embedded', mesh: () => mesh, clock, emit: (event) => void events.push(event) });
  const lines = Array.from({ length: 100 }, (_, index) => own(0, `/admin${index}`)).join('');
  appendFileSync(join(folder.path, 'web.proxy.log'), lines);
  await waitUntil('the events', () => {
    clock.advance(200);
    return events.length >= 10;
  });
  assert.equal(events.length, 10);
  assert.equal(new Set(events.map(({ at }) => at)).size, 1);
});

test('an Envoy tells it in its access log, and of rules that let nobody in the first that could have is shown', async () => {
  const closed = 'rbac_access_denied_matched_policy[ns[shop]-policy[closed]-rule[0]]';
  for (const [dataPlane, line, why, place] of [
    ['envoy', `[x] "GET /admin" 403 - ${closed} - "-"`, 'denied by policy shop/closed, rule 0', /:7:7$/],
    ['envoy', '[x] "GET /" 403 - rbac_access_denied_matched_policy[none] - "-"', 'no policy allows it', undefined],
    [
      'embedded',
      `x warn request denied: no policy allows it: policy shop/nothing, rule 0: it matches nothing; policy shop/closed, rule 1: a from=me`,
      'no policy allows it: policy shop/nothing, rule 0: it matches nothing; policy shop/closed, rule 1: a',
      /:8:7$/,
    ],
  ] as const) {
    await using folder = await temporaryFolder({ 'web.proxy.log': '' });
    const clock = new HandClock();
    const events: DeniedEvent[] = [];
    using _watch = new DenialWatch({ folder: folder.path, dataPlane, mesh: () => mesh, clock, emit: (event) => void events.push(event) });
    appendFileSync(join(folder.path, 'web.proxy.log'), `${line}\n`);
    await waitUntil('the event', () => {
      clock.advance(200);
      return events.length > 0;
    });
    assert.equal(events[0]?.why, why);
    if (place === undefined) assert.equal(events[0]?.at, undefined);
    else assert.match(events[0]?.at ?? '', place);
  }
});
