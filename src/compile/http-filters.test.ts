import assert from 'node:assert/strict';
import { test } from 'node:test';
import { httpFilters } from '#compile/http-filters.ts';
import type { Protocol } from '#model/protocol.ts';

void test('faults before CORS, what a browser disguised is undone first, and the router ends the chain', () => {
  const names = (protocol: Protocol) =>
    httpFilters({ protocol, forwardsByHost: false, calls: false }).map(({ name }) => name.replace('envoy.filters.http.', ''));
  assert.deepEqual(names('http'), ['fault', 'cors', 'router']);
  assert.deepEqual(names('grpc-web'), ['grpc_web', 'fault', 'cors', 'router']);
});

void test('where requests may go to any host, it is looked up right before they go', () => {
  assert.deepEqual(
    httpFilters({ protocol: 'http', forwardsByHost: true, calls: true })
      .map(({ name }) => name)
      .slice(-3),
    ['envoy.filters.http.dynamic_forward_proxy', 'envoy.filters.http.set_filter_state', 'envoy.filters.http.router'],
  );
});
