// What decide says of a row of a call table, for all the ways its weights can fall.
import assert from 'node:assert/strict';
import type { Config } from '#decide/config.ts';
import { decide } from '#decide/decide.ts';
import type { Decision } from '#decide/decision.ts';
import { Trace } from '#decide/trace.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import { callOf } from '#test/calls/call-of.ts';
import { type Expectation, type TableCall, titleOf } from '#test/calls/call-table.ts';

/** Every percent, so that each target with a weight comes up. */
const randoms = Array.from({ length: 100 }, (_, percent) => percent / 100);

/** All decisions that differ, in the order of the weights. */
export function decisionsFor(config: Config, mesh: Mesh, proxy: Proxy, call: TableCall): readonly Decision[] {
  const found = new Map<string, Decision>();
  for (const random of randoms) {
    const decision = decide(config, callOf(mesh, proxy, call, random));
    found.set(`${decision.outcome.kind} ${decision.cluster ?? ''}`, decision);
  }
  return [...found.values()];
}

/** Each expectation that is named holds for each decision. */
export function assertExpected(expect: Expectation, decisions: readonly Decision[], title: string): void {
  for (const decision of decisions) {
    const { outcome } = decision;
    const found = {
      listener: decision.listener,
      filterChain: decision.filterChain,
      routeConfig: decision.routeConfig,
      virtualHost: decision.virtualHost,
      route: decision.route?.name,
      cluster: decision.cluster,
      status: statusOf(decision),
      ...(outcome.kind === 'forward'
        ? { path: outcome.path, authority: outcome.authority }
        : outcome.kind === 'local-reply'
          ? { location: outcome.location }
          : {}),
    };
    // What the handshake comes to is for the live proxies to show.
    const { subset: _subset, certificate: _certificate, handshake: _handshake, sees: _sees, challenge: _challenge, ...wanted } = expect;
    const asked = Object.fromEntries(Object.entries(found).filter(([key]) => key in wanted));
    assert.deepEqual(asked, wanted, `${title}: ${outcome.kind === 'local-reply' ? outcome.because : outcome.cluster}`);
  }
  if (expect.subset === undefined) return;
  const subsets = typeof expect.subset === 'string' ? [expect.subset] : expect.subset;
  assert.deepEqual(decisions.map(({ cluster }) => cluster?.split('|')[2]).sort(), [...subsets].sort(), title);
}

/** 200 from a backend, else what the proxy itself answers. */
export function statusOf({ outcome }: Decision): number {
  return outcome.kind === 'local-reply' ? outcome.status : 200;
}

/** Explaining changes nothing, and its last word on each stage is what was decided. */
export function assertExplained(config: Config, mesh: Mesh, proxy: Proxy, call: TableCall): void {
  for (const random of [0, 0.5, 0.99]) {
    const asked = callOf(mesh, proxy, call, random);
    const trace = new Trace();
    const explained = decide(config, asked, trace);
    const title = titleOf(call);
    assert.deepEqual(explained, decide(config, asked), title);
    const chosen = (stage: string) => trace.steps.findLast((step) => step.stage === stage && step.outcome === 'chosen')?.name;
    assert.equal(chosen('listener'), explained.listener, title);
    assert.equal(chosen('virtual host'), explained.virtualHost, title);
    if (explained.route !== undefined)
      assert.equal(chosen('route'), explained.route.name === '' ? `#${explained.route.index}` : explained.route.name, title);
    if (explained.cluster !== undefined) assert.equal(chosen('cluster'), explained.cluster, title);
    const last = trace.steps.at(-1);
    const failed = explained.outcome.kind === 'local-reply' && explained.outcome.flag !== '';
    // A filter that answers has the last word, whether that is a refusal or not.
    if (explained.filter === undefined) assert.equal(last?.outcome, failed ? 'rejected' : 'chosen', `${title} ends in ${JSON.stringify(last)}`);
    else assert.ok(last?.stage === 'filter' || last?.stage === 'rbac', `${title} ends in ${JSON.stringify(last)}`);
    for (const step of trace.steps) if (step.outcome !== 'chosen') assert.ok(step.because, `${title}: ${JSON.stringify(step)} gives no reason`);
  }
}
