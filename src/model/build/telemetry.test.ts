import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatOfExpression } from '#model/build/telemetry-expression.ts';

test('texts, attributes and sums of them become formats', () => {
  assert.equal(formatOfExpression('request.host'), '%REQ(:AUTHORITY)%');
  assert.equal(formatOfExpression("'100%'"), '100%%');
  assert.equal(formatOfExpression(`request.headers['x-user']`), '%REQ(X-USER)%');
  assert.equal(formatOfExpression(`response.headers["server"]`), '%RESP(SERVER)%');
  assert.equal(formatOfExpression('string(destination.port)'), '%DOWNSTREAM_LOCAL_PORT%');
  assert.equal(formatOfExpression(`request.method + ' + ' + string(response.code)`), '%REQ(:METHOD)% + %RESPONSE_CODE%');
});

test('what says more has no format', () => {
  for (const expression of [
    '',
    'request.size',
    "has(request.host) ? request.host : 'x'",
    'request.headers[x]',
    "'a",
    '%REQ(X)%',
    "request.headers['a)%%REQ(b']",
  ]) {
    assert.equal(formatOfExpression(expression), undefined, expression);
  }
});
