// What goes over the wire is what protobuf's own encoder makes of the messages, for everything that the goldens compile to.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toBinary } from '@bufbuild/protobuf';
import { encode } from '#envoy/encode.ts';
import { compileCase, goldenCases } from '#test/support/golden-case.ts';

void test('resources of all goldens are encoded byte for byte as protobuf encodes them', () => {
  let compared = 0;
  for (const goldenCase of goldenCases()) {
    for (const { compiled } of compileCase(goldenCase).proxies) {
      for (const { schema, message, name } of [...compiled.resources.values()].flatMap((ofType) => [...ofType.values()])) {
        const same = Buffer.compare(encode(schema, message), toBinary(schema, message)) === 0;
        assert.ok(same, `${goldenCase.area}/${goldenCase.name}: ${name}`);
        compared += 1;
      }
    }
  }
  assert.ok(compared > 100, `${compared} resources`);
});
