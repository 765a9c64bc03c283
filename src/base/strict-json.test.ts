import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseStrictObject } from '#base/strict-json.ts';

const parse = (text: string): unknown => parseStrictObject(Buffer.from(text));

const taken: readonly string[] = [
  '{}',
  '{"a":1,"b":{"a":[{"a":1},{"a":2}]},"c":"a"}',
  ' { "a" : "{\\"a\\":1}" , "b" : -1.5e3 } ',
  '{"a":"a","b":["a","a"]}',
  '{"\\u0061":1,"b":"\\ud83d\\ude00"}',
  `{"a":${'['.repeat(99)}${']'.repeat(99)}}`,
];

for (const text of taken) {
  test(`taken as JSON.parse takes it: ${text.slice(0, 40)}`, () => {
    assert.deepEqual(parse(text), JSON.parse(text));
  });
}

const refused: readonly (readonly [name: string, text: string | Uint8Array])[] = [
  ['nothing', ''],
  ['a list', '[]'],
  ['text', '"a"'],
  ['null', 'null'],
  ['a name twice', '{"a":1,"a":1}'],
  ['a name twice, far apart', '{"a":1,"b":{"a":1,"c":[1]},"a":2}'],
  ['a name twice, further in', '{"b":[{"a":1,"a":1}]}'],
  ['a name twice, once escaped', '{"a":1,"\\u0061":2}'],
  ['half a character in a value', '{"a":"\\ud83d"}'],
  ['half a character in a name', '{"\\ude00":1}'],
  ['a number beyond all', '{"a":1e999}'],
  ['too deep', `{"a":${'['.repeat(100)}${']'.repeat(100)}}`],
  ['a mark before it', '\ufeff{}'],
  ['broken UTF-8', Uint8Array.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
  ['other quotes', "{'a':1}"],
  ['a comma too many', '{"a":1,}'],
];

for (const [name, text] of refused) {
  test(`refused: ${name}`, () => {
    assert.equal(typeof text === 'string' ? parse(text) : parseStrictObject(text), undefined);
  });
}
