import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { Problems } from '#decide/config-error.ts';
import { oncePerContent } from '#decide/same-content.ts';

const long = (fill: number) => create(AnySchema, { typeUrl: 'type.googleapis.com/t', value: new Uint8Array(2000).fill(fill) });

void test('the same bytes are read once for one purpose and one resource', () => {
  const problems = new Problems('l');
  const made: string[] = [];
  const read = (purpose: string, fill: number, of = problems): unknown =>
    oncePerContent(purpose, long(fill), of, () => {
      made.push(`${purpose} ${fill}`);
      return {};
    });
  assert.equal(read('a', 1), read('a', 1));
  assert.notEqual(read('a', 2), read('a', 1));
  assert.notEqual(read('b', 1), read('a', 1));
  assert.notEqual(read('a', 1, new Problems('other')), read('a', 1));
  assert.deepEqual(made, ['a 1', 'a 2', 'b 1', 'a 1']);
});

void test('what has a problem is read again, so that each place says so', () => {
  const problems = new Problems('l');
  for (const field of ['x', 'y']) oncePerContent('a', long(1), problems, () => problems.report(field, 'is wrong'));
  assert.deepEqual(
    problems.errors.map(({ field }) => field),
    ['x', 'y'],
  );
});
