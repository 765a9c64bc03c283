// What a request is placed by: hash policies of every kind on a ring, on the embedded proxy and on a real Envoy. Both must send each request where
// decide's hash of the same request says, and give the same cookies.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { chooseHost, newBalancerState } from '#decide/balance.ts';
import { compileCluster } from '#decide/cluster.ts';
import { Problems } from '#decide/config-error.ts';
import { compileHashPolicies, hashAddress, hashRequest } from '#decide/hash-policy.ts';
import type { Word64 } from '#decide/word64.ts';
import { ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { RouteActionSchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import { address, bootstrap, httpChain, listener, type Part, tcpChain } from '#test/support/bootstrap-parts.ts';
import { startPlane } from '#test/support/both-planes.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { listenPorts } from '#test/support/listen-ports.ts';
import { startReplicas } from '#test/support/replicas.ts';

type Case = {
  readonly name: string;
  readonly policies: readonly Part[];
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** With the client's trusted address, where it is not the connection's. */
  readonly remoteIp?: string;
  /** Nothing to hash: any endpoint will do. */
  readonly anywhere?: boolean;
};

const header = (header_name: string, more: Part = {}): Part => ({ header: { header_name }, ...more });
const cookie = (name: string, more: Part = {}): Part => ({ cookie: { name, ...more } });
const query = (name: string): Part => ({ query_parameter: { name } });
const sourceIp: Part = { connection_properties: { source_ip: true } };

const cases: readonly Case[] = [
  { name: 'a header', policies: [header('x-user')], headers: { 'x-user': 'ann' } },
  { name: 'a header of several values, in any order', policies: [header('x-user')], headers: { 'x-user': ['b', 'a', 'c'] } },
  { name: 'a header that is not there', policies: [header('x-user')], anywhere: true },
  { name: 'an empty header', policies: [header('x-user')], headers: { 'x-user': '' } },
  { name: 'a header beyond ASCII', policies: [header('x-user')], headers: { 'x-user': 'caf\u00e9' } },
  {
    name: 'a part of a header',
    policies: [{ header: { header_name: 'x-user', regex_rewrite: { pattern: { regex: '-.*$' }, substitution: '' } } }],
    headers: { 'x-user': 'ann-1234' },
  },
  { name: 'the authority', policies: [header(':authority')], headers: { host: 'one.example' } },
  { name: 'the path', policies: [header(':path')], path: '/some/path?q=1' },
  { name: 'a cookie', policies: [cookie('sid')], headers: { cookie: 'a=1; sid=abc; sid=def' } },
  { name: 'a cookie in quotes', policies: [cookie('sid')], headers: { cookie: 'sid="abc"' } },
  { name: 'a cookie that is there is not made anew', policies: [cookie('sid', { ttl: '60s' })], headers: { cookie: 'sid=abc' } },
  { name: 'a cookie that is not there', policies: [cookie('sid')], headers: { cookie: 'other=1' }, anywhere: true },
  { name: 'a cookie made with an age', policies: [cookie('sid', { ttl: '3600s' })] },
  { name: 'a cookie made for the session', policies: [cookie('sid', { ttl: '0s', path: '/app' })] },
  {
    name: 'a cookie made with attributes',
    policies: [cookie('sid', { ttl: '60s', path: '/', attributes: [{ name: 'SameSite', value: 'Strict' }, { name: 'Secure' }] })],
  },
  { name: 'a query parameter', policies: [query('user')], path: '/?a=1&user=ann%20b&user=2' },
  { name: 'a query parameter without a value', policies: [query('user')], path: '/?user' },
  { name: 'no query parameter', policies: [query('user')], path: '/?users=1', anywhere: true },
  { name: 'the source address', policies: [sourceIp] },
  { name: 'the trusted client address', policies: [sourceIp], headers: { 'x-forwarded-for': '10.1.2.3' }, remoteIp: '10.1.2.3' },
  {
    name: 'a cookie made for a trusted client',
    policies: [cookie('sid', { ttl: '60s' })],
    headers: { 'x-forwarded-for': '10.1.2.3' },
    remoteIp: '10.1.2.3',
  },
  { name: 'two policies together', policies: [header('x-user'), query('q')], headers: { 'x-user': 'ann' }, path: '/?q=7' },
  { name: 'the same twice', policies: [header('x-user'), header('x-user')], headers: { 'x-user': 'ann' } },
  { name: 'a terminal policy that holds', policies: [header('x-user', { terminal: true }), query('q')], headers: { 'x-user': 'ann' }, path: '/?q=7' },
  { name: 'a terminal policy that does not', policies: [header('x-none', { terminal: true }), query('q')], path: '/?q=7' },
];

const endpointCount = 7;

function ringCluster(name: string, ports: readonly number[]): Part {
  const lb_endpoints = ports.map((port) => ({ endpoint: { address: address(port) } }));
  return { name, connect_timeout: '2s', lb_policy: 'RING_HASH', load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints }] } };
}

function bootstrapOf(ports: readonly number[], httpPort: number, tcpPort: number): Part {
  const routes = cases.map(({ policies }, index) => ({
    match: { prefix: '/', headers: [{ name: 'x-case', string_match: { exact: String(index) } }] },
    route: { cluster: 'ring', hash_policy: policies },
  }));
  const manager = { use_remote_address: true, xff_num_trusted_hops: 1 };
  const tcp = tcpChain('ring', { hash_policy: [{ source_ip: {} }] });
  return bootstrap([listener('http', httpPort, [httpChain(routes, manager)]), listener('tcp', tcpPort, [tcp])], [ringCluster('ring', ports)]);
}

type Answer = { readonly replica: number; readonly cookies: readonly string[]; readonly local: string };

function callCase({ path = '/', headers = {} }: Case, index: number, port: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const mutable = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]));
    const outgoing = request({ host: '127.0.0.1', port, path, agent: false, headers: { ...mutable, 'x-case': String(index) } }, (answer) => {
      const { localAddress = '', localPort = 0 } = answer.socket;
      answer.resume();
      answer.on('end', () =>
        resolve({
          replica: Number(answer.headers['x-replica']),
          cookies: answer.headersDistinct['set-cookie'] ?? [],
          local: `${localAddress}:${localPort}`,
        }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

function ringOf(ports: readonly number[]): (hash: Word64 | undefined) => number {
  // The parts are JSON by their making.
  const cluster = compileCluster(fromJson(ClusterSchema, ringCluster('ring', ports) as JsonObject));
  if (!cluster.ok) throw new Error('the ring does not compile');
  const hosts = cluster.value.endpoints.map((entry) => ({ entry, activeRequests: 0, ejected: false, addedMs: 0 }));
  const state = newBalancerState(cluster.value, hosts, { random: () => 0, nowMs: () => 0 });
  return (hash) => ports.indexOf(chooseHost(state, undefined, 1, hash)?.entry.port ?? 0);
}

async function run(binary: string | undefined): Promise<void> {
  await using replicas = await startReplicas(endpointCount);
  const [httpPort = 0, tcpPort = 0] = await listenPorts(2);
  await using _plane = await startPlane(binary, bootstrapOf(replicas.ports, httpPort, tcpPort));
  const place = ringOf(replicas.ports);
  for (const [index, row] of cases.entries()) {
    const found = await callCase(row, index, httpPort);
    const problems = new Problems('test');
    const action = fromJson(RouteActionSchema, { cluster: 'ring', hash_policy: row.policies as JsonObject[] });
    const policies = compileHashPolicies(action.hashPolicy, 'hash_policy', problems);
    const { path = '/', headers = {}, remoteIp } = row;
    const expected = hashRequest(policies, {
      path,
      headerValues: (name) => valuesOf(name, path, headers, httpPort),
      remoteIp: remoteIp ?? '127.0.0.1',
      remoteAddress: found.local,
      localAddress: `127.0.0.1:${httpPort}`,
    });
    assert.deepEqual(problems.errors, []);
    assert.equal(expected.hash === undefined, row.anywhere === true, row.name);
    if (row.anywhere !== true) assert.equal(found.replica, place(expected.hash), row.name);
    assert.deepEqual(found.cookies, expected.setCookies, row.name);
  }
  // The same source every time.
  for (let call = 0; call < 5; call++) assert.equal(await tcpCall(tcpPort), place(hashAddress('127.0.0.1')));
}

function valuesOf(name: string, path: string, headers: NonNullable<Case['headers']>, port: number): readonly string[] {
  if (name === ':path') return [path];
  const value = headers[name === ':authority' ? 'host' : name] ?? (name === ':authority' ? `127.0.0.1:${port}` : []);
  return typeof value === 'string' ? [value] : value;
}

function tcpCall(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    let text = '';
    socket.setEncoding('latin1').on('data', (part: string) => (text += part));
    socket.on('error', reject);
    socket.on('close', () => resolve(Number(/x-replica: (\d+)/.exec(text)?.[1] ?? -1)));
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  });
}

void test('hash policies place requests as decide says: embedded proxy', async () => {
  await run(undefined);
});

envoyTest('hash policies place requests as decide says: Envoy', async (binary) => {
  await run(binary);
});
