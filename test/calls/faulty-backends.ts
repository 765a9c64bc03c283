// What scenarios of faulty backends are written with: parts of clusters, calls one after the other, and what is known of their end.
import assert from 'node:assert/strict';
import type { Part } from '#test/support/bootstrap-parts.ts';
import type { KeptCalls } from '#test/support/both-planes.ts';
import type { HttpAnswer } from '#test/support/http-call.ts';
import type { Replica } from '#test/support/replicas.ts';
import { waitUntil } from '#test/support/wait-until.ts';

/** Envoy gathers changes of health for a second unless told otherwise. */
const atOnce: Part = { update_merge_window: '0s' };
export const outlier = (more: Part): Part => ({
  outlier_detection: { interval: '60s', base_ejection_time: '60s', max_ejection_percent: 100, ...more },
  common_lb_config: atOnce,
});
export const noPanic: Part = { common_lb_config: { healthy_panic_threshold: { value: 0 }, ...atOnce } };

export const statuses = (answers: readonly HttpAnswer[]): readonly number[] => answers.map(({ status }) => status);

export async function inTurn(calls: KeptCalls, count: number): Promise<readonly HttpAnswer[]> {
  const answers: HttpAnswer[] = [];
  for (let call = 0; call < count; call++) answers.push(await calls.get('/'));
  return answers;
}

export const tally = (answers: readonly HttpAnswer[]): Record<number, number> => {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

/** Envoy's worker hears of an ejection a moment later than the request that caused it: one more request may go the old way. */
export const assertAbout = (found: number | undefined, expected: number): void =>
  assert.ok(found === expected || found === expected + 1, `${found} instead of ${expected}`);

/** The machine may be so busy that Envoy's worker has not heard of it after many requests: the rest of them waits until the main thread says so. */
export const untilEjected = (health: () => Promise<readonly string[]>, index: number): Promise<unknown> =>
  waitUntil('the ejection', async () => (await health())[index] === '/failed_outlier_check');

export const broken = (replica: Replica | undefined, status: number): void => {
  if (replica !== undefined) replica.status = status;
};
