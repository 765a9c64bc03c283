import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Caller } from '#ca/server/caller.ts';
import { admitNode, nodeMisfit } from '#ca/server/node-fit.ts';
import { create } from '#envoy/create.ts';
import { NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';

const caller: Caller = { identity: { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'hello' }, by: 'token' };
const id = 'sidecar~10.0.0.1~hello-v1.default~default.svc.cluster.local';

test('a node of the caller fits', () => {
  assert.equal(nodeMisfit(caller, { id }), undefined);
  assert.equal(nodeMisfit(caller, { id, metadata: { NAMESPACE: 'default', SERVICE_ACCOUNT: 'hello' } }), undefined);
  assert.equal(nodeMisfit({ ...caller, pod: 'hello-v1' }, { id }), undefined);
});

test('a node of somebody else does not', () => {
  const cases: readonly (readonly [Caller, Parameters<typeof nodeMisfit>[1], RegExp])[] = [
    [caller, { id: id.replace('.default~', '.other~') }, /of namespace other/],
    [caller, { id, metadata: { NAMESPACE: 'other' } }, /of namespace other/],
    [caller, { id: id.replace('.default~', '.other~'), metadata: { NAMESPACE: 'default' } }, /of namespace other/],
    [caller, { id, metadata: { NAMESPACE: 7 } }, /of namespace 7/],
    [caller, { id, metadata: { SERVICE_ACCOUNT: 'admin' } }, /of service account admin/],
    [caller, { id: 'hello' }, /names no namespace/],
    [caller, { id: '' }, /names no namespace/],
    [{ ...caller, pod: 'hello-v2' }, { id }, /for pod hello-v2, and the node is hello-v1\.default/],
  ];
  for (const [who, node, expected] of cases) assert.match(nodeMisfit(who, node) ?? '', expected);
});

test('a node that leaves its service account out has the one that was proved', () => {
  for (const metadata of [{}, { SERVICE_ACCOUNT: '' }, { SERVICE_ACCOUNT: 'hello' }]) {
    const admitted = admitNode(caller, create(NodeSchema, { id, metadata: { NAMESPACE: 'default', ...metadata } }));
    assert.ok(admitted.ok);
    assert.deepEqual(admitted.value.metadata, { NAMESPACE: 'default', SERVICE_ACCOUNT: 'hello' });
    assert.equal(admitted.value.id, id);
  }
  assert.equal(admitNode(caller, create(NodeSchema, { id, metadata: { SERVICE_ACCOUNT: 'admin' } })).ok, false);
});

test('a member of a group is a sidecar of that group, with the labels that the group gives', () => {
  const member: Caller = { ...caller, workloadGroup: 'machines' };
  assert.match(nodeMisfit(member, { id }) ?? '', /of no WorkloadGroup, and the caller is a member of WorkloadGroup machines/);
  assert.match(nodeMisfit(member, { id, metadata: { AUTO_REGISTER_GROUP: 'others' } }) ?? '', /of WorkloadGroup others/);
  const gateway = id.replace('sidecar~', 'router~');
  assert.match(nodeMisfit(member, { id: gateway, metadata: { AUTO_REGISTER_GROUP: 'machines' } }) ?? '', /no sidecar/);
  const admitted = admitNode(member, create(NodeSchema, { id, metadata: { AUTO_REGISTER_GROUP: 'machines', LABELS: { app: 'payments' } } }));
  const said = { AUTO_REGISTER_GROUP: 'machines', LABELS: {}, SERVICE_ACCOUNT: 'hello', HEDDLE_MEMBER: 'true' };
  assert.deepEqual(admitted.ok && admitted.value.metadata, said);
});
