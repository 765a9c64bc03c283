// Clusters and the endpoints that they name: nobody waits for what was told already.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { type Cluster, ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { ClusterLoadAssignmentSchema } from '#envoy/gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { ClusterStore } from '#proxy/cluster-store.ts';
import { address } from '#test/support/bootstrap-parts.ts';
import { HandClock } from '#test/support/hand-clock.ts';

const eds = (name: string, serviceName: string): Cluster =>
  fromJson(ClusterSchema, {
    name,
    type: 'EDS',
    eds_cluster_config: { service_name: serviceName, eds_config: { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' } },
  });

test('a cluster that takes the place of another has its endpoints at once, as they are the same', () => {
  const live = new Map<string, number>();
  const asked: (readonly string[])[] = [];
  const store = new ClusterStore({
    clusters: {
      get: () => undefined,
      set: ({ name, endpoints }) => void live.set(name, endpoints.length),
      remove: (name) => void live.delete(name),
    },
    clock: new HandClock(),
    resolve: () => Promise.reject(new Error('not asked')),
    secrets: { problem: () => undefined, missing: () => [] },
    onEndpointNames: (names) => void asked.push(names),
    onSecretNames: () => {},
    onChange: () => {},
  });
  // A part is JSON by construction.
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: address(80) as JsonValue } }] }];
  store.update([eds('old', 'shared')], [], false);
  store.updateEndpoints([fromJson(ClusterLoadAssignmentSchema, { cluster_name: 'shared', endpoints })], []);
  store.update([eds('new', 'shared')], ['old'], false);
  assert.deepEqual([...live], [['new', 1]]);
  assert.deepEqual([store.warming(), asked.at(-1)], [[], ['shared']]);
  store.update([], ['new'], false);
  assert.deepEqual([store.assignments(), asked.at(-1)], [[], []]);
  store.stop();
});
