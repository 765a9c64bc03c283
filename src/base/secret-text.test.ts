import assert from 'node:assert/strict';
import { test } from 'node:test';
import { format, inspect } from 'node:util';
import { SecretText } from '#base/secret-text.ts';

test('no way of printing shows the text; reveal gives it', () => {
  const secret = new SecretText('hunter2');
  const printed = [String(secret), JSON.stringify({ secret }), inspect(secret), inspect({ secret }), format('%s %o %j', secret, secret, secret)];
  for (const text of printed) {
    assert.ok(!text.includes('hunter2'), text);
    assert.match(text, /\[redacted\]/);
  }
  assert.equal(secret.reveal(), 'hunter2');
  assert.ok(secret.equals(new SecretText('hunter2')));
  assert.ok(!secret.equals(new SecretText('hunter3')));
});
