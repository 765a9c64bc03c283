import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { ClusterLoadAssignmentSchema } from '#envoy/gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { XdsResource } from '#envoy/resource.ts';
import { typeUrls } from '#envoy/type-url.ts';

void test('a message that is given as how to make it is made once, when somebody asks for it or for its bytes', () => {
  let made = 0;
  const resource = new XdsResource(typeUrls.endpoint, 'a', ClusterLoadAssignmentSchema, () => {
    made += 1;
    return create(ClusterLoadAssignmentSchema, { clusterName: 'a' });
  });
  assert.equal(made, 0);
  assert.deepEqual(resource.bytes, toBinary(ClusterLoadAssignmentSchema, create(ClusterLoadAssignmentSchema, { clusterName: 'a' })));
  assert.equal(resource.message.clusterName, 'a');
  assert.equal(resource.message, resource.message);
  assert.equal(made, 1);
});

void test('the version follows the content alone', () => {
  const [first, second, other] = ['a', 'a', 'b'].map(
    (clusterName) => new XdsResource(typeUrls.endpoint, 'a', ClusterLoadAssignmentSchema, create(ClusterLoadAssignmentSchema, { clusterName })),
  );
  assert.equal(first?.version, second?.version);
  assert.notEqual(first?.version, other?.version);
});
