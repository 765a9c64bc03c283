// A RequestAuthentication that was never right: in its place no token is believed, wherever it would have been looked for, and nobody writes the
// headers that it would have made.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readText } from '#api/read-text.ts';
import { keysOfNobody } from '#base/json-web-keys.ts';

function standIn(spec: string): unknown {
  const text = `apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: { name: x }\nspec: ${spec}\n`;
  const [item] = readText('x.yaml', text).items;
  assert.equal(item?.resource, undefined, 'it is not taken');
  return item?.standIn?.kind === 'RequestAuthentication' ? item.standIn.spec : undefined;
}

const closed = { jwks: keysOfNobody };

test('keys that cannot be read are keys of nobody, in the places of the rule and for its workloads', () => {
  const rule = '{ issuer: a, jwks: "{}", fromHeaders: [{ name: x-t }], fromCookies: [t], outputClaimToHeaders: [{ header: x-user, claim: sub }] }';
  assert.deepEqual(standIn(`{ selector: { matchLabels: { app: a } }, jwtRules: [${rule}] }`), {
    selector: { matchLabels: { app: 'a' } },
    jwtRules: [{ ...closed, fromHeaders: [{ name: 'x-t' }], fromCookies: ['t'], outputClaimToHeaders: [{ header: 'x-user', claim: 'sub' }] }, closed],
  });
});

test('what cannot be read of a rule is left out, and of whom it is for it is for all', () => {
  assert.deepEqual(
    standIn('{ selector: { matchLabels: 7 }, jwtRules: [{ issuer: a, fromHeaders: [{ name: "a b" }], outputPayloadToHeader: x-p }, 7] }'),
    {
      jwtRules: [{ ...closed, outputPayloadToHeader: 'x-p' }, closed],
    },
  );
  assert.deepEqual(standIn('{ jwtRules: { issuer: a } }'), { jwtRules: [closed] });
});
