import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { Problems } from '#decide/config-error.ts';
import { aborts, compileFault, delayOf, type FaultEntry, faultApplies } from '#decide/fault.ts';
import { HTTPFaultSchema } from '#envoy/gen/envoy/extensions/filters/http/fault/v3/fault_pb.js';
import { requestView } from '#test/support/views.ts';

function faultOf(json: JsonObject): { readonly fault: FaultEntry; readonly problems: readonly string[] } {
  const problems = new Problems('test');
  const fault = compileFault(fromJson(HTTPFaultSchema, json), 'fault', problems);
  return { fault, problems: problems.errors.map(({ field, message }) => `${field}: ${message}`) };
}

const share = (numerator: number, denominator = 'HUNDRED'): JsonObject => ({ numerator, denominator });

test('delay and abort each fall for their own share of requests', () => {
  const { fault } = faultOf({
    delay: { fixed_delay: '1.5s', percentage: share(25) },
    abort: { http_status: 503, percentage: share(100, 'TEN_THOUSAND') },
  });
  assert.deepEqual([delayOf(fault, 0.2499), delayOf(fault, 0.25)], [1500, 0]);
  assert.deepEqual([aborts(fault, 0.0099), aborts(fault, 0.01)], [true, false]);
  assert.deepEqual(fault.abort, { status: 503 });
});

test('a gRPC status goes out with 200, and no share means never', () => {
  const { fault } = faultOf({ abort: { grpc_status: 14 } });
  assert.deepEqual(fault.abort, { status: 200, grpcStatus: 14 });
  assert.equal(aborts(fault, 0), false);
});

test('a fault is for its cluster, its nodes and its headers, while there is room', () => {
  const request = requestView('/', { headers: { 'x-a': 'yes', 'x-envoy-downstream-service-node': 'n1' } });
  const abort: JsonObject = { http_status: 500, percentage: share(100) };
  const applies = (json: JsonObject, active = 0) => faultApplies(faultOf({ abort, ...json }).fault, request, 'c', active);
  assert.deepEqual([applies({}), applies({ upstream_cluster: 'c' }), applies({ upstream_cluster: 'd' })], [true, true, false]);
  assert.deepEqual([applies({ downstream_nodes: ['n0', 'n1'] }), applies({ downstream_nodes: ['n2'] })], [true, false]);
  assert.equal(applies({ headers: [{ name: 'x-a', string_match: { exact: 'yes' } }] }), true);
  assert.equal(applies({ headers: [{ name: 'x-a', string_match: { exact: 'no' } }] }), false);
  assert.deepEqual([applies({ max_active_faults: 2 }, 1), applies({ max_active_faults: 2 }, 2)], [true, false]);
});

test('a status that is none, and an abort without one, are named', () => {
  assert.deepEqual(faultOf({ abort: { http_status: 99 } }).problems, ['fault.abort.http_status: status 99 is not between 200 and 599']);
  assert.deepEqual(faultOf({ abort: {} }).problems, ['fault.abort: one of http_status, grpc_status is required']);
});
