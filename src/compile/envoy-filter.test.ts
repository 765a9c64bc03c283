import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, toJson } from '@bufbuild/protobuf';
import { patchList } from '#compile/envoy-filter-list.ts';
import { mergeMessages, messageFromValue } from '#compile/envoy-filter-value.ts';
import { ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { HttpFilterSchema } from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { EnvoyPatch } from '#model/envoy-filter.ts';

function merged(target: object, patch: object, lists: 'append' | 'replace') {
  const [a, b] = [target, patch].map((value) => fromJson(ClusterSchema, value as never)); // JSON literals
  assert.ok(a && b);
  return toJson(ClusterSchema, mergeMessages(ClusterSchema, a, b, lists), { useProtoFieldName: true });
}

test('messages merge field by field; a duration is one value; lists grow or give way', () => {
  const target = { name: 'a', connect_timeout: '5.500s', health_checks: [{ timeout: '1s' }], common_lb_config: { consistent_hashing_lb_config: {} } };
  const patch = { connect_timeout: '10s', health_checks: [{ timeout: '2s' }], common_lb_config: { healthy_panic_threshold: { value: 0.5 } } };
  const common = {
    name: 'a',
    connect_timeout: '10s',
    common_lb_config: { consistent_hashing_lb_config: {}, healthy_panic_threshold: { value: 0.5 } },
  };
  assert.deepEqual(merged(target, patch, 'append'), { ...common, health_checks: [{ timeout: '1s' }, { timeout: '2s' }] });
  assert.deepEqual(merged(target, patch, 'replace'), { ...common, health_checks: [{ timeout: '2s' }] });
});

test('the value of a patch is read in both spellings of fields, and refused with the reader’s words', () => {
  const both = messageFromValue(ClusterSchema, { connect_timeout: '1s', altStatName: 'x' });
  assert.equal(both.ok && both.value.altStatName, 'x');
  const wrong = messageFromValue(ClusterSchema, { no_such_field: 1 });
  assert.match(wrong.ok ? '' : wrong.error, /no_such_field/);
});

test('a type that is not known goes on as a TypedStruct', () => {
  const filter = messageFromValue(HttpFilterSchema, { name: 'x', typed_config: { '@type': 'type.googleapis.com/some.Filter', depth: 3 } });
  assert.ok(filter.ok);
  const { configType } = filter.value;
  assert.equal(configType.case === 'typedConfig' && configType.value.typeUrl, 'type.googleapis.com/xds.type.v3.TypedStruct');
});

const places: readonly (readonly [operation: EnvoyPatch['operation'], name: string | undefined, expected: readonly string[]])[] = [
  ['ADD', undefined, ['a', 'b', 'new']],
  ['INSERT_FIRST', undefined, ['new', 'a', 'b']],
  ['INSERT_BEFORE', undefined, ['new', 'a', 'b']],
  ['INSERT_AFTER', undefined, ['a', 'b', 'new']],
  ['INSERT_BEFORE', 'b', ['a', 'new', 'b']],
  ['INSERT_AFTER', 'a', ['a', 'new', 'b']],
  ['INSERT_AFTER', 'none', ['a', 'b']],
  ['REPLACE', 'a', ['new', 'b']],
  ['REPLACE', undefined, ['a', 'b']],
  ['REMOVE', 'a', ['b']],
  ['REMOVE', undefined, ['a', 'b']],
  ['MERGE', 'b', ['a', 'b+']],
  ['MERGE', undefined, ['a+', 'b+']],
];

for (const [operation, name, expected] of places) {
  test(`${operation} ${name === undefined ? 'without a name' : `at ${name}`} gives ${expected.join(' ')}`, () => {
    const list = ['a', 'b'];
    const patch: EnvoyPatch = {
      applyTo: 'HTTP_FILTER',
      context: 'any',
      proxy: { metadata: {} },
      operation,
      value: {},
      origin: { file: 'x.yaml', line: 1, col: 1 },
      ...(name !== undefined && { listener: { name } }),
    };
    const touched = new Set<EnvoyPatch>();
    patchList(list, [patch], {
      matches: (item, { listener }) => listener?.name === undefined || listener.name === item,
      namesItem: ({ listener }) => listener?.name !== undefined,
      make: () => 'new',
      merge: (item) => `${item}+`,
      touched: (seen) => touched.add(seen),
    });
    assert.deepEqual(list, expected);
    assert.equal(touched.size, expected.join() === 'a,b' ? 0 : 1);
  });
}
