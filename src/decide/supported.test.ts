import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type DescFile, fromJson } from '@bufbuild/protobuf';
import { formatConfigError, Problems } from '#decide/config-error.ts';
import { extensions } from '#decide/extension.ts';
import { findUnsupported } from '#decide/supported.ts';
import { supportedFields } from '#decide/supported-fields.ts';
import { ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';

test('the table names only messages and fields that there are', async () => {
  const gen = fileURLToPath(new URL('../envoy/gen/envoy', import.meta.url));
  const fields = new Map<string, Set<string>>();
  for (const path of readdirSync(gen, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('_pb.js') || !/^(config|extensions|type)\//.test(path)) continue;
    const exported: Record<string, unknown> = await import(`${gen}/${path}`);
    for (const [name, value] of Object.entries(exported)) if (name.startsWith('file_')) collect(value as DescFile, fields); // generated: file_ exports are files
  }
  const unknown = Object.entries(supportedFields).flatMap(([message, rules]) => {
    const known = fields.get(message);
    if (known === undefined) return [message];
    return rules === 'all'
      ? []
      : Object.keys(rules)
          .filter((name) => !known.has(name))
          .map((name) => `${message}.${name}`);
  });
  assert.deepEqual(unknown, []);
});

function collect(file: DescFile, into: Map<string, Set<string>>): void {
  const queue = [...file.messages];
  for (const message of queue) {
    into.set(message.typeName, new Set(message.fields.map(({ name }) => name)));
    queue.push(...message.nestedMessages);
  }
}

test('every extension in the registry has its line in the table', () => {
  const missing = [...extensions].map(({ typeName }) => typeName).filter((name) => supportedFields[name] === undefined);
  assert.deepEqual(missing, []);
});

test('an unsupported field is named by its whole path, through lists, maps and extensions', () => {
  const tcp = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
    stat_prefix: 's',
    cluster: 'c',
    on_demand: {},
  };
  const listener = fromJson(
    ListenerSchema,
    {
      name: 'l',
      udp_listener_config: {},
      metadata: { filter_metadata: { any: { thing: 1 } } },
      filter_chains: [{ filters: [{ name: 'tcp', typed_config: tcp }] }],
    },
    { registry: extensions },
  );
  const options = {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicit_http_config: { http3_protocol_options: {} },
  };
  const cluster = fromJson(
    ClusterSchema,
    {
      name: 'c',
      lb_policy: 'LOAD_BALANCING_POLICY_CONFIG',
      eds_cluster_config: { eds_config: { path: '/x' } },
      typed_extension_protocol_options: { http: options },
    },
    { registry: extensions },
  );
  // Whoever sets it trusts that strangers cannot send these: to take it and do nothing would let them.
  const routes = fromJson(RouteConfigurationSchema, { name: 'r', internal_only_headers: ['x-secret'] });
  const problems = new Problems('bootstrap');
  findUnsupported(RouteConfigurationSchema, routes, '', problems);
  findUnsupported(ListenerSchema, listener, 'static_resources.listeners[0]', problems);
  findUnsupported(ClusterSchema, cluster, '', problems);
  assert.deepEqual(problems.errors.map(formatConfigError).sort(), [
    'bootstrap: eds_cluster_config.eds_config.path: not supported by this proxy',
    'bootstrap: internal_only_headers: not supported by this proxy',
    'bootstrap: lb_policy: LOAD_BALANCING_POLICY_CONFIG is not supported by this proxy (known: ROUND_ROBIN, LEAST_REQUEST, RANDOM, RING_HASH, MAGLEV, CLUSTER_PROVIDED)',
    'bootstrap: static_resources.listeners[0].filter_chains[0].filters[0].typed_config.on_demand: not supported by this proxy',
    'bootstrap: static_resources.listeners[0].udp_listener_config: not supported by this proxy',
    'bootstrap: typed_extension_protocol_options["http"].explicit_http_config.http3_protocol_options: not supported by this proxy',
  ]);
});
