import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Problems } from '#decide/config-error.ts';
import { compileFilterState, upstreamProtocols } from '#decide/filter-state.ts';
import type { HttpFilterEntry, RouteFilter } from '#decide/http-filter.ts';
import type { RouteDecision } from '#decide/route-entry.ts';
import { create } from '#envoy/create.ts';
import { ConfigSchema } from '#envoy/gen/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.js';

function compiled(objectKey: string, text: string): { readonly protocols: readonly string[] | undefined; readonly problems: number } {
  const problems = new Problems('listener l');
  const config = create(ConfigSchema, {
    onRequestHeaders: [
      {
        key: { case: 'objectKey', value: objectKey },
        value: { case: 'formatString', value: { format: { case: 'textFormatSource', value: { specifier: { case: 'inlineString', value: text } } } } },
      },
    ],
  });
  const protocols = compileFilterState(config, 'f', problems);
  return { protocols, problems: problems.errors.length };
}

const key = 'envoy.network.application_protocols';

test('the list of ALPN names is read; anything else is refused', () => {
  assert.deepEqual(compiled(key, 'istio-h2,istio'), { protocols: ['istio-h2', 'istio'], problems: 0 });
  assert.equal(compiled('envoy.tcp_proxy.cluster', 'other').problems, 1);
  assert.equal(compiled(key, '%PROTOCOL%').problems, 1);
});

function said(manager: readonly string[] | undefined, route: RouteFilter | undefined): readonly string[] | undefined {
  const filters: readonly HttpFilterEntry[] = [{ kind: 'filter-state', name: 'state', disabled: false, protocols: manager }];
  const target = { filters: route === undefined ? undefined : new Map([['state', route]]) };
  // Only what is asked for is there.
  return upstreamProtocols(filters, { kind: 'forward', target } as unknown as RouteDecision);
}

test("the route's word counts before the manager's, and where neither says anything it is the cluster's", () => {
  assert.equal(said(undefined, undefined), undefined);
  assert.deepEqual(said(['a'], undefined), ['a']);
  assert.deepEqual(said(['a'], { kind: 'filter-state', protocols: ['b'] }), ['b']);
  assert.equal(said(['a'], { kind: 'off' }), undefined);
});
