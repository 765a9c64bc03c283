// External authorisers of raw connections on both data planes: who gets through, what the authoriser is asked and what the access log says. Where Envoy
// is there, all of it must be equal.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { type GrpcAnswer, startGrpcAuthorizer } from '#test/support/authorizer.ts';
import { bootstrap, cluster, fileLog, listener, type Part, tcpChain, typedConfig, upstreamProtocol } from '#test/support/bootstrap-parts.ts';
import { startPlane } from '#test/support/both-planes.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { listenPorts } from '#test/support/listen-ports.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';

type Scenario = {
  readonly name: string;
  readonly answer: GrpcAnswer;
  readonly config?: JsonObject;
  readonly service?: JsonObject;
  readonly cluster?: string;
  /** Shadow rules before it match connections to this port; undefined: there are none. */
  readonly shadowPort?: 'own' | 1;
};

type Seen = { readonly outcome: string; readonly line: string; readonly asked: readonly JsonValue[] };

const enabledByShadow: JsonObject = {
  filter_enabled_metadata: {
    filter: 'envoy.filters.network.rbac',
    path: [{ key: 'istio_ext_authz_shadow_effective_policy_id' }],
    value: { string_match: { prefix: 'istio-ext-authz' } },
  },
};

const scenarios: readonly Scenario[] = [
  { name: 'allowed', answer: { status: { code: 0 } } },
  { name: 'denied', answer: { status: { code: 7 } } },
  { name: 'late', answer: 'hang', service: { timeout: '0.1s' } },
  { name: 'late, passes', answer: 'hang', service: { timeout: '0.1s' }, config: { failure_mode_allow: true } },
  { name: 'garbage', answer: 'garbage' },
  { name: 'broken', answer: 'fail' },
  { name: 'nobody there', answer: 'fail', cluster: 'dead' },
  { name: 'asked where shadow rules match', answer: { status: { code: 7 } }, shadowPort: 'own', config: enabledByShadow },
  { name: 'not asked where they do not', answer: { status: { code: 7 } }, shadowPort: 1, config: enabledByShadow },
];

async function runAll(binary: string | undefined): Promise<ReadonlyMap<string, Seen>> {
  await using folder = await temporaryFolder();
  const ports = await listenPorts(scenarios.length);
  let current: GrpcAnswer = 'fail';
  await using grpc = await startGrpcAuthorizer(() => current);
  const backend = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', () => socket.write('pong\n'));
    socket.on('end', () => socket.end());
  });
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', () => resolve()));
  const backendPort = (backend.address() as AddressInfo).port; // it listens on TCP
  try {
    const listeners = scenarios.map((scenario, index) => listenerOf(scenario, index, ports[index] ?? 0, join(folder.path, `${index}.log`)));
    const clusters = [
      cluster('backend', backendPort),
      cluster('grpc', grpc.port, upstreamProtocol('http2')),
      cluster('dead', 1, upstreamProtocol('http2')),
    ];
    await using plane = await startPlane(binary, bootstrap(listeners, clusters));
    assert.ok(plane.kind);
    const seen = new Map<string, Seen>();
    for (const [index, scenario] of scenarios.entries()) {
      current = scenario.answer;
      const before = grpc.asked.length;
      const outcome = await callTcp(ports[index] ?? 0);
      const file = join(folder.path, `${index}.log`);
      const line = await waitUntil('the access log line', async () => (await readFile(file, 'utf8').catch(() => '')).trim() || undefined);
      seen.set(scenario.name, { outcome, line, asked: grpc.asked.slice(before).map(steady) });
    }
    return seen;
  } finally {
    await new Promise((resolve) => backend.close(resolve));
  }
}

function listenerOf({ config, service, cluster: name = 'grpc', shadowPort }: Scenario, index: number, port: number, log: string): Part {
  const authz = typedConfig('extensions.filters.network.ext_authz.v3.ExtAuthz', {
    stat_prefix: 's',
    transport_api_version: 'V3',
    grpc_service: { envoy_grpc: { cluster_name: name }, timeout: '5s', ...service },
    ...config,
  });
  const policy = { permissions: [{ destination_port: shadowPort === 'own' ? port : 1 }], principals: [{ any: true }] };
  const shadow = typedConfig('extensions.filters.network.rbac.v3.RBAC', {
    stat_prefix: 's',
    shadow_rules_stat_prefix: 'istio_ext_authz_',
    shadow_rules: { action: 'DENY', policies: { 'istio-ext-authz-p': policy } },
  });
  const { filters, ...chain } = tcpChain('backend', {
    access_log: [fileLog(log, '%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS%\n')],
  });
  const gates = [...(shadowPort === undefined ? [] : [{ name: 'rbac', typed_config: shadow }]), { name: 'authz', typed_config: authz }];
  return listener(`l${index}`, port, [{ ...chain, filters: [...gates, ...(filters as readonly Part[])] }]); // as tcpChain made them
}

function callTcp(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('ping\n'));
    const end = (outcome: string): void => {
      socket.destroy();
      resolve(outcome);
    };
    socket.setTimeout(10_000, () => end('silent'));
    socket.on('data', () => end('open'));
    socket.on('error', () => end('closed'));
    socket.on('close', () => end('closed'));
  });
}

function steady(question: JsonObject): JsonValue {
  const { call: _call, ...asked } = question;
  return JSON.parse(JSON.stringify(asked, (key, value: JsonValue) => (key === 'port_value' ? '*' : value))) as JsonValue; // what was made of JSON
}

void test('embedded proxy: connections pass and fail as the authoriser says', async () => {
  const seen = await runAll(undefined);
  assert.deepEqual(
    [...seen].map(([name, { outcome, line }]) => `${name}: ${outcome} ${line}`),
    [
      'allowed: open - - -',
      'denied: closed UAEX ext_authz_denied -',
      'late: closed UAEX ext_authz_error -',
      'late, passes: open - - -',
      'garbage: closed UAEX ext_authz_error -',
      'broken: closed UAEX ext_authz_error -',
      'nobody there: closed UAEX ext_authz_error -',
      'asked where shadow rules match: closed UAEX ext_authz_denied -',
      'not asked where they do not: open - - -',
    ],
  );
  assert.deepEqual(seen.get('not asked where they do not')?.asked, []);
});

envoyTest('Envoy and the embedded proxy ask the same about connections and do the same with the answer', async (binary) => {
  const [ours, theirs] = [await runAll(undefined), await runAll(binary)];
  for (const { name } of scenarios) assert.deepEqual(ours.get(name), theirs.get(name), name);
});
