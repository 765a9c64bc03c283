// What goes over the wire reads back as what was compiled, and is as long as what protobuf's own encoder makes of it, for all goldens.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { encode } from '#envoy/encode.ts';
import { compileCase, goldenCases } from '#test/support/golden-case.ts';

void test('resources of all goldens are encoded as protobuf encodes them, but for the order of fields', () => {
  let compared = 0;
  for (const goldenCase of goldenCases()) {
    for (const { compiled } of compileCase(goldenCase).proxies) {
      for (const { schema, message, name } of [...compiled.resources.values()].flatMap((ofType) => [...ofType.values()])) {
        const bytes = encode(schema, message);
        const expected = toBinary(schema, message);
        const same = bytes.length === expected.length && Buffer.compare(toBinary(schema, fromBinary(schema, bytes)), expected) === 0;
        assert.ok(same, `${goldenCase.area}/${goldenCase.name}: ${name}`);
        compared += 1;
      }
    }
  }
  assert.ok(compared > 100, `${compared} resources`);
});
