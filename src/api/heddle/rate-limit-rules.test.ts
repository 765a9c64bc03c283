import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readText } from '#api/read-text.ts';

function problems(spec: string): readonly string[] {
  const text = `apiVersion: heddle.dev/v1alpha1\nkind: RateLimit\nmetadata: { name: x }\nspec: ${spec}\n`;
  return readText('x.yaml', text).items.flatMap(({ diagnostics }) => diagnostics.map(({ code, message }) => `${code} ${message}`));
}

const refused: readonly (readonly [spec: string, reason: RegExp])[] = [
  ['{}', /HDL0011 .*needs rules, maxBodyBytes or maxHeaderKilobytes/],
  ['{ selector: {}, targetRefs: [{ kind: Gateway, name: a }], maxBodyBytes: 1 }', /selector|targetRefs/],
  ['{ targetRefs: [{ kind: Pod, name: a }], maxBodyBytes: 1 }', /a RateLimit cannot be for a Pod/],
  ['{ rules: [{ name: a, limit: { requests: 0 } }] }', /requests must be at least 1|requests/],
  ['{ rules: [{ name: a, limit: { requests: 1, per: 10ms } }] }', /10ms is shorter than 50ms/],
  ['{ rules: [{ name: a, by: [{}], limit: { requests: 1 } }] }', /by needs one of clientAddress, header and claim/],
  ['{ rules: [{ name: a, by: [{ claim: a..b }], limit: { requests: 1 } }] }', /a\.\.b is no path to a claim/],
  ["{ rules: [{ name: a, match: { headers: { x: { regex: '(' } } }, limit: { requests: 1 } }] }", /not a regular expression \(RE2\)/],
  ['{ rules: [{ name: a, limit: { requests: 1 } }, { name: a, limit: { requests: 2 } }] }', /the name a is taken by another rule/],
];

for (const [spec, reason] of refused) {
  test(`RateLimit ${spec} is refused`, () => {
    const found = problems(spec);
    assert.equal(found.length, 1, found.join('\n'));
    assert.match(found[0] ?? '', reason);
  });
}

test('a RateLimit as it should be is taken', () => {
  const rule =
    '{ name: a, match: { uri: { prefix: /a } }, by: [{ header: x-user }, { clientAddress: {} }, { claim: sub }], limit: { requests: 5, per: 1m, burst: 9 } }';
  assert.deepEqual(problems(`{ selector: { matchLabels: { app: a } }, rules: [${rule}], maxBodyBytes: 10, maxHeaderKilobytes: 8 }`), []);
});
