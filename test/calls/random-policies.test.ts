// The two data planes against each other: random RBAC configurations, for requests and for connections, and the same calls through the embedded proxy
// and through Envoy. The verdict and the name of the policy that gave it must be equal, call for call.
// HEDDLE_CASES asks for more cases than a test run takes, HEDDLE_SEED for others; the seed is in the title of a failure.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type PolicyListener, type PolicyStage, startPolicyStage } from '#test/calls/policy-stage.ts';
import { httpPolicies, managerFields, policyRequest, rbacRules, routePolicies } from '#test/calls/random-policies.ts';
import { envoyTest } from '#test/support/envoy.ts';

const firstSeed = Number(process.env['HEDDLE_SEED'] ?? 20_260_101);
const cases = Number(process.env['HEDDLE_CASES'] ?? 300);
const kinds: readonly PolicyListener['kind'][] = ['http', 'https', 'http', 'tls', 'http', 'https', 'http', 'tcp', 'http', 'https'];
const [listenersEach, callsEach] = [30, 10];
const casesEach = listenersEach * callsEach;

const met = new Map<string, number>();

const stage: Promise<PolicyStage> = startPolicyStage();
test.after(async () => (await stage)[Symbol.asyncDispose]());

for (let batch = 0; batch * casesEach < cases; batch++) {
  const seed = firstSeed + batch * 1000;
  envoyTest(`random policies: Envoy and the embedded proxy give the same verdicts (seed ${seed}, ${casesEach} cases)`, (binary) =>
    compareOn(seed, binary),
  );
}

envoyTest('the random cases were allowed, denied by a policy, and denied by none', async () => {
  await Promise.resolve();
  const [allowed = 0, denied = 0, none = 0, closed = 0] = ['allowed', 'denied', 'none', 'closed'].map((kind) => met.get(kind));
  assert.ok(allowed > cases / 5 && denied > cases / 20 && none > cases / 20 && closed > cases / 50, JSON.stringify([...met]));
});

async function compareOn(seed: number, binary: string): Promise<void> {
  const listeners = fc.sample(
    fc.tuple(...Array.from({ length: listenersEach }, (_, index) => policyListener(kinds[index % kinds.length] ?? 'http'))),
    {
      seed,
      numRuns: 1,
    },
  )[0];
  assert.ok(listeners);
  const calls = listeners.map((_, index) => fc.sample(policyRequest, { seed: seed + index + 1, numRuns: callsEach }));
  const { run } = await stage;
  const ours = await run(undefined, listeners, calls);
  const theirs = await run(binary, listeners, calls);
  const differing = listeners.flatMap((listener, index) =>
    (calls[index] ?? []).flatMap((call, at) => {
      const [own = '', real = ''] = [ours[index]?.[at], theirs[index]?.[at]];
      count(own);
      return own === real ? [] : [`${listener.kind}: ${own} | Envoy: ${real}\n  ${JSON.stringify(call)}\n  ${JSON.stringify(listener)}`];
    }),
  );
  assert.equal(differing.slice(0, 5).join('\n'), '', `seed ${seed}: ${differing.length} of ${casesEach} differ`);
}

function policyListener(kind: PolicyListener['kind']): fc.Arbitrary<PolicyListener> {
  const isHttp = kind === 'http' || kind === 'https';
  const network = fc.array(
    fc
      .tuple(rbacRules('network', 5, 'ALLOW', 'DENY'), fc.constantFrom('ONE_TIME_ON_FIRST_BYTE', 'CONTINUOUS'))
      .map(([rules, enforcement_type]) => ({ rules, enforcement_type })),
    { minLength: 1, maxLength: 2 },
  );
  return fc
    .tuple(isHttp ? httpPolicies : network, isHttp ? managerFields : fc.constant({}), isHttp ? routePolicies : fc.constant(undefined))
    .map(([filters, manager, ofRoute]) => ({ kind, filters, manager, ofRoute }));
}

/** Random data that meets nothing would prove nothing. */
function count(outcome: string): void {
  const kind = outcome.startsWith('closed')
    ? 'closed'
    : outcome.includes('[none]')
      ? 'none'
      : outcome.includes('rbac_access_denied')
        ? 'denied'
        : 'allowed';
  met.set(kind, (met.get(kind) ?? 0) + 1);
}
