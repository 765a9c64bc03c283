import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { Problems } from '#decide/config-error.ts';
import { compileHeaderCondition } from '#decide/header-condition.ts';
import { compileQueryCondition } from '#decide/query-condition.ts';
import { HeaderMatcherSchema, QueryParameterMatcherSchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import { requestView } from '#test/support/views.ts';

test('header matchers hold as in Envoy', () => {
  // What a missing header (undefined), an empty one and values give.
  const table: [matcher: JsonObject, value: string | undefined, holds: boolean][] = [
    [{ exact_match: 'a' }, 'a', true],
    [{ exact_match: 'a' }, 'b', false],
    [{ exact_match: 'a' }, undefined, false],
    [{ exact_match: '' }, 'b', true],
    [{ exact_match: 'a', invert_match: true }, 'b', true],
    [{ exact_match: 'a', invert_match: true }, undefined, false],
    [{ exact_match: 'a', invert_match: true, treat_missing_header_as_empty: true }, undefined, true],
    [{ present_match: true }, '', true],
    [{ present_match: true }, undefined, false],
    [{ present_match: false }, undefined, true],
    [{ present_match: true, invert_match: true }, undefined, true],
    [{ present_match: true, invert_match: true }, 'x', false],
    [{}, 'x', true],
    [{}, undefined, false],
    [{ prefix_match: 'ab' }, 'abc', true],
    [{ suffix_match: 'bc' }, 'abc', true],
    [{ contains_match: 'b' }, 'abc', true],
    [{ safe_regex_match: { regex: 'a.c' } }, 'abc', true],
    [{ safe_regex_match: { regex: 'a.c' } }, 'abcd', false],
    [{ range_match: { start: '-10', end: '0' } }, '-1', true],
    [{ range_match: { start: '-10', end: '0' } }, '0', false],
    [{ range_match: { start: '-10', end: '0' } }, '1x', false],
    [{ string_match: { exact: 'ABC', ignore_case: true } }, 'abc', true],
    [{ string_match: { prefix: 'AB', ignore_case: true } }, 'abc', true],
    [{ string_match: { safe_regex: { regex: 'a|b' } } }, 'b', true],
    [{ string_match: { contains: 'x' }, treat_missing_header_as_empty: true }, undefined, false],
    [{ string_match: { exact: '' }, treat_missing_header_as_empty: true }, undefined, true],
  ];
  for (const [json, value, holds] of table) {
    const problems = new Problems('');
    const condition = compileHeaderCondition(fromJson(HeaderMatcherSchema, { name: 'X-A', ...json }), 'headers[0]', problems);
    assert.deepEqual(problems.errors, []);
    const request = requestView('/', { headers: value === undefined ? {} : { 'x-a': value } });
    assert.equal(condition.holds(request), holds, `${condition.text} with ${value ?? 'no value'}`);
  }
});

test('pseudo headers and host are the request itself', () => {
  const request = requestView('/p?q=1', { method: 'POST', scheme: 'https', authority: 'a.example' });
  const table = { ':method': 'POST', ':path': '/p?q=1', ':authority': 'a.example', host: 'a.example', ':scheme': 'https' };
  for (const [name, value] of Object.entries(table)) {
    const condition = compileHeaderCondition(fromJson(HeaderMatcherSchema, { name, string_match: { exact: value } }), '', new Problems(''));
    assert.ok(condition.holds(request), name);
  }
});

test('conditions say what they ask and what they met', () => {
  const condition = compileHeaderCondition(
    fromJson(HeaderMatcherSchema, { name: 'end-user', string_match: { exact: 'jason' } }),
    '',
    new Problems(''),
  );
  assert.equal(condition.text, 'header end-user is jason');
  assert.equal(condition.found(requestView('/', { headers: { 'end-user': 'mary' } })), 'it is mary');
  assert.equal(condition.found(requestView('/')), 'it is missing');
});

test('a bad expression is an error with its field', () => {
  const problems = new Problems('r');
  compileHeaderCondition(fromJson(HeaderMatcherSchema, { name: 'a', safe_regex_match: { regex: '(' } }), 'headers[0]', problems);
  assert.equal(problems.errors[0]?.field, 'headers[0].safe_regex_match.regex');
});

test('query parameters: the first of a name counts, as sent', () => {
  const table: [matcher: JsonObject, path: string, holds: boolean][] = [
    [{ string_match: { exact: '1' } }, '/?a=1', true],
    [{ string_match: { exact: '1' } }, '/?b=2&a=1', true],
    [{ string_match: { exact: '2' } }, '/?a=1&a=2', false],
    [{ string_match: { exact: '1' } }, '/?aa=1', false],
    [{ string_match: { exact: '' } }, '/?a', true],
    [{ string_match: { exact: '%31' } }, '/?a=%31', true],
    [{ string_match: { prefix: 'x' } }, '/', false],
    [{ present_match: true }, '/?a', true],
    [{ present_match: true }, '/?ab', false],
    [{}, '/?a=', true],
  ];
  for (const [json, path, holds] of table) {
    const condition = compileQueryCondition(fromJson(QueryParameterMatcherSchema, { name: 'a', ...json }), '', new Problems(''));
    assert.equal(condition.holds(requestView(path)), holds, `${condition.text} on ${path}`);
  }
});
