import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RE2JS } from 're2js';
import { compileRegex, substitutionError } from '#decide/regex.ts';
import { nativeSourceOf } from '#decide/regex-native.ts';

function regex(source: string) {
  const result = compileRegex(source);
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

test('a match is of the whole text', () => {
  const table: [pattern: string, text: string, matches: boolean][] = [
    ['/api', '/api', true],
    ['/api', '/api/', false],
    ['/api', 'x/api', false],
    ['/api.*', '/api/x', true],
    ['^/api$', '/api', true],
    ['/v[0-9]+/(users|groups)', '/v12/users', true],
    ['/v[0-9]+/(users|groups)', '/v/users', false],
    ['a|ab', 'ab', true],
    ['(?i)jason', 'JaSoN', true],
    ['.*\\.example\\.com', 'a.example.com', true],
    ['.*\\.example\\.com', 'aXexample.com', false],
    ['\\d{3}', '123', true],
    ['\\d{3}', '1234', false],
    ['.*/ns/a\\.b/.*', 'spiffe://td/ns/a.b/sa/c', true],
    ['.*/ns/a\\.b/.*', 'spiffe://td/ns/aXb/sa/c', false],
    ['.*/ns/a/.*', '/ns/a/\n', false],
    ['a{120}', 'a'.repeat(120), true],
    ['a{120}', 'a'.repeat(12), false],
    ['', '', true],
  ];
  for (const [pattern, text, matches] of table) assert.equal(regex(pattern).matches(text), matches, `${pattern} on ${text}`);
});

test('what RE2 does not know is an error with its reason', () => {
  for (const pattern of ['(?=a)', '(a)\\1', '[', '(', 'a**', 'x{1001}', 'x{3,1}', '[z-a]', '[^]', '*a'])
    assert.equal(compileRegex(pattern).ok, false, pattern);
});

test('plain routes run on the native engine, ambiguous ones never do', () => {
  const native = ['/api/.*', '/v[0-9]+/users', '.*\\.example\\.com', '/(a|b)/c', '[^/]+/x', '/item/\\d+', 'a?b', '[a-z]*'];
  const careful = ['(a+)+', '(a|a)*b', '.*a.*b.*', 'a?a?a?aaa', 'a*a*b', '(a|ab)(c|bcd)', '(?i)x', '.*a*b', '\\bx', '[[:alpha:]]+', 'a{2,3}{4}'];
  for (const pattern of native) assert.notEqual(nativeSourceOf(pattern), undefined, pattern);
  for (const pattern of careful) assert.equal(nativeSourceOf(pattern), undefined, pattern);
});

test('whatever runs natively is an expression of RE2', () => {
  const part = fc.constantFrom(
    'a',
    'z',
    '-',
    '[',
    ']',
    '^',
    '{',
    '}',
    '1',
    '64',
    '65',
    ',',
    '(',
    ')',
    '|',
    '*',
    '+',
    '?',
    '.',
    '\\',
    'd',
    '_',
    ' ',
    ':',
    '$',
  );
  let natives = 0;
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      const source = parts.join('');
      const compiled = compileRegex(source);
      if (!compiled.ok || compiled.value.engine !== 'native') return;
      natives += 1;
      assert.doesNotThrow(() => RE2JS.compile(source), source);
    }),
    { numRuns: 10_000 },
  );
  assert.ok(natives > 500, `only ${natives} patterns ran natively`);
});

test('time grows with the text, not with its powers', () => {
  const patterns = ['(a+)+b', '(a|a)*b', '(a*)*b', '.*.*.*b', 'a*a*a*b', '.*a', '[a-z]*b', 'a?'.repeat(30) + 'a'.repeat(30), '.*abcdefghij'];
  const text = 'a'.repeat(20_000);
  for (const pattern of patterns) {
    const { matches } = regex(pattern);
    const start = performance.now();
    matches(text);
    const took = performance.now() - start;
    assert.ok(took < 2_000, `${pattern} took ${took} ms on ${text.length} characters`);
  }
});

test('the native engine answers as RE2 does', () => {
  const atom = fc.oneof(
    fc.constantFrom('a', 'b', '/', '.', '\\.', '[ab]', '[^a]', '\\d', '\\w', '-', '_', '\\-', 'ab', '%', '=', '\\/'),
    fc.constantFrom('(a|b)', '(?:ab|ba)', '(a|b|/)', '(ab|a)'),
  );
  const quantifier = fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{0,2}', '{1,}');
  const pattern = fc.array(fc.tuple(atom, quantifier), { maxLength: 6 }).map((parts) => parts.map((part) => part.join('')).join(''));
  const text = fc.array(fc.constantFrom('a', 'b', '/', '.', '1', '-', '_', 'ab', '\n'), { maxLength: 10 }).map((parts) => parts.join(''));
  let natives = 0;
  fc.assert(
    fc.property(pattern, text, (source, subject) => {
      const compiled = compileRegex(source);
      if (!compiled.ok || compiled.value.engine !== 'native') return;
      natives += 1;
      assert.equal(compiled.value.matches(subject), RE2JS.compile(source).matches(subject), `${source} on ${JSON.stringify(subject)}`);
    }),
    { numRuns: 5_000 },
  );
  assert.ok(natives > 1_000, `only ${natives} patterns ran natively`);
});

test('replacement is of every match, with groups', () => {
  assert.equal(regex('/v1/(.*)').replaceAll('/v1/users', '/v2/\\1'), '/v2/users');
  assert.equal(regex('a').replaceAll('banana', 'o'), 'bonono');
  assert.equal(regex('(b)(a)').replaceAll('ba', '\\2\\1\\\\'), 'ab\\');
  assert.equal(regex('x*').replaceAll('ab', '-'), '-a-b-');
  assert.equal(substitutionError('(a)', '\\1'), undefined);
  assert.match(substitutionError('(a)', '\\2') ?? '', /has 1/);
  assert.match(substitutionError('a', '\\x') ?? '', /digit/);
});
