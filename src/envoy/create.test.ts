import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type DescField,
  type DescMessage,
  type DescOneof,
  equals,
  isMessage,
  type MessageInitShape,
  create as plainCreate,
  toBinary,
} from '@bufbuild/protobuf';
import { create } from '#envoy/create.ts';
import { type Cluster, ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { RouteSchema, VirtualHostSchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';

/** What reading a message gives, whether the fields are its own or those of its type. */
function fieldsOf(schema: DescMessage, message: object): unknown {
  return [schema.typeName, ...schema.members.map((member) => [member.localName, valueOf(member, Reflect.get(message, member.localName))])];
}

function valueOf(member: DescField | DescOneof, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (member.kind === 'oneof') {
    const field = member.fields.find(({ localName }) => 'case' in value && localName === value.case);
    return field === undefined || !('value' in value) ? value : [field.localName, valueOf(field, value.value)];
  }
  const { message, fieldKind } = member;
  if (message === undefined || (fieldKind === 'message' && !isMessage(value))) return value;
  if (fieldKind === 'message') return fieldsOf(message, value);
  // The values of a map of messages.
  return Object.entries(value as Readonly<Record<string, object>>).map(([key, one]) => [key, fieldsOf(message, one)]);
}

void test('messages are what protobuf makes of the same fields: nested, in lists, maps and oneofs, wrapped and as structs', () => {
  const routes: readonly MessageInitShape<typeof RouteSchema>[] = [
    {},
    { name: 'a', match: { pathSpecifier: { case: 'prefix', value: '/' }, caseSensitive: false } },
    {
      match: { pathSpecifier: { case: 'safeRegex', value: { regex: '.*' } }, headers: [{ name: 'a' }, { name: 'b', invertMatch: true }] },
      action: {
        case: 'route',
        value: {
          clusterSpecifier: { case: 'weightedClusters', value: { clusters: [{ name: 'v1', weight: 90 }, { name: 'v2' }] } },
          timeout: { seconds: 3n },
          hostRewriteSpecifier: { case: 'autoHostRewrite', value: { value: true } },
          retryPolicy: { numRetries: 2, retriableStatusCodes: [503] },
        },
      },
      metadata: { filterMetadata: { istio: { config: 'here', deep: { list: [1, 'two', null] } } } },
      typedPerFilterConfig: { fault: { typeUrl: 'a', value: new Uint8Array([1, 2]) } },
      requestHeadersToRemove: ['x'],
    },
  ];
  for (const route of routes) {
    const [made, plain] = [create(RouteSchema, structuredClone(route)), plainCreate(RouteSchema, structuredClone(route))];
    assert.ok(equals(RouteSchema, made, plain));
    assert.deepEqual(fieldsOf(RouteSchema, made), fieldsOf(RouteSchema, plain));
  }
  const host = { name: 'h', domains: ['*'], routes: routes.map((route) => create(RouteSchema, structuredClone(route))) };
  assert.deepEqual(toBinary(VirtualHostSchema, create(VirtualHostSchema, host)), toBinary(VirtualHostSchema, plainCreate(VirtualHostSchema, host)));
});

void test('a message stays itself, within others too; nothing given is the empty message', () => {
  const route = create(RouteSchema, { name: 'a' });
  assert.equal(create(RouteSchema, route), route);
  assert.equal(create(VirtualHostSchema, { routes: [route] }).routes[0], route);
  assert.deepEqual(fieldsOf(RouteSchema, create(RouteSchema)), fieldsOf(RouteSchema, plainCreate(RouteSchema)));
  assert.deepEqual(fieldsOf(ClusterSchema, create(ClusterSchema)), fieldsOf(ClusterSchema, plainCreate(ClusterSchema)));
});

void test('what messages have in common cannot be changed in one of them', () => {
  const cluster: Cluster = create(ClusterSchema, { name: 'a' });
  assert.throws(() => cluster.healthChecks.push(), TypeError);
  assert.throws(() => {
    cluster.typedExtensionProtocolOptions['a'] = plainCreate(ClusterSchema).typedExtensionProtocolOptions['a'] ?? {
      $typeName: 'google.protobuf.Any',
      typeUrl: '',
      value: new Uint8Array(),
    };
  }, TypeError);
  assert.deepEqual(create(ClusterSchema).typedExtensionProtocolOptions, {});
});

void test('a field or case that the type does not have is our mistake, and thrown', () => {
  const spread = (fields: object) => ({ name: 'a', ...fields });
  assert.throws(() => create(RouteSchema, spread({ nmae: 'b' })), /envoy\.config\.route\.v3\.Route has no field nmae/);
  assert.throws(() => create(RouteSchema, spread({ match: { csaeSensitive: true } })), /RouteMatch has no field csaeSensitive/);
  assert.throws(() => create(RouteSchema, spread({ action: { case: 'rout', value: {} } })), /Route\.action has no case rout/);
  assert.equal(create(RouteSchema, spread({ nmae: undefined })).name, 'a');
  assert.equal(create(RouteSchema, { ...create(RouteSchema, { name: 'b' }) }).name, 'b');
});

void test('a message holds what it was given and no more, so that a copy with other fields is made of that', () => {
  const route = create(RouteSchema, { name: 'a', match: {}, requestHeadersToRemove: [], typedPerFilterConfig: {} });
  assert.deepEqual(Object.keys(route), ['name', 'match', 'typedPerFilterConfig']);
  const renamed = create(RouteSchema, { ...route, name: 'b' });
  assert.ok(equals(RouteSchema, renamed, plainCreate(RouteSchema, { name: 'b', match: {} })));
  assert.equal(route.name, 'a');
});
