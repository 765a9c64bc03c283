// Action CUSTOM from the policy to the authoriser and back, over HTTP and gRPC, for requests and for bytes, on both data planes: who is asked about
// what, and that neither an agreement nor a silence opens what other policies close.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { liveStage, tryLive } from '#test/authorization/live-stage.ts';
import type { TableCall, TableCase } from '#test/authorization/stage.ts';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { startGrpcAuthorizer, startHttpAuthorizer } from '#test/support/authorizer.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { freePort } from '#test/support/free-port.ts';

const host = 'asker.shop.svc.cluster.local';

/** A service with an endpoint here for each provider; nobody is at that of `silent`. */
function asker(ports: Readonly<Record<string, number>>): readonly object[] {
  const named = Object.entries(ports).map(([name, port], index) => ({ name, port, number: 9000 + index }));
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'asker', namespace: 'shop' },
      spec: { ports: named.map(({ name, number }) => ({ name, port: number })) },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'asker', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'asker' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
      ports: named.map(({ name, port }) => ({ name, port, protocol: 'TCP' })),
    },
  ];
}

const extensionProviders = [
  { name: 'over-http', envoyExtAuthzHttp: { service: host, port: 9000, includeRequestHeadersInCheck: ['x-user'], timeout: '2s' } },
  { name: 'over-grpc', envoyExtAuthzGrpc: { service: host, port: 9001, timeout: '2s' } },
  { name: 'silent', envoyExtAuthzHttp: { service: host, port: 9002, timeout: '0.5s', statusOnError: '403' } },
  { name: 'silent-and-open', envoyExtAuthzHttp: { service: host, port: 9002, timeout: '0.5s', failOpen: true } },
];

const ask = (provider: string, paths: readonly string[]): TableCase['policies'][number] => ({
  name: 'asked',
  spec: { action: 'CUSTOM', provider: { name: provider }, rules: [{ to: [{ operation: { paths } }] }] },
});

const notAsked: TableCall = { get: '/', allowed: true };

/** The authorisers agree to paths with `yes` in them, and to bytes. */
function tables(more: readonly object[]): readonly TableCase[] {
  const common = { mesh: { extensionProviders }, more };
  const asked: readonly TableCall[] = [
    notAsked,
    { get: '/admin/yes', allowed: true },
    { get: '/admin/no', allowed: false },
    { by: 'shop/web', get: '/admin/no', allowed: false },
  ];
  return [
    { ...common, name: 'asked over HTTP', policies: [ask('over-http', ['/admin/*'])], calls: [...asked, { bytes: true, allowed: true }] },
    { ...common, name: 'asked over gRPC', policies: [ask('over-grpc', ['/admin/*'])], calls: [...asked, { bytes: true, allowed: true }] },
    {
      ...common,
      name: 'an agreement does not undo a denial, nor stand in for a permission',
      policies: [
        ask('over-grpc', ['/*']),
        { name: 'denied', spec: { action: 'DENY', rules: [{ to: [{ operation: { paths: ['/yes/denied'], ports: ['8080'] } }] }] } },
        { name: 'permitted', spec: { rules: [{ to: [{ operation: { paths: ['/yes*'] } }] }] } },
      ],
      calls: [
        { get: '/yes', allowed: true },
        { get: '/yes/denied', allowed: false },
        { get: '/no/yes', allowed: false },
        { get: '/yesterday', allowed: true },
        { get: '/no', allowed: false },
      ],
    },
    { ...common, name: 'nobody answers', policies: [ask('silent', ['/admin/*'])], calls: [notAsked, { get: '/admin/yes', allowed: false }] },
    {
      ...common,
      name: 'nobody answers, and that is taken for yes',
      policies: [ask('silent-and-open', ['/admin/*'])],
      calls: [{ get: '/admin/no', allowed: true }],
    },
  ];
}

async function check(plane: DataPlane): Promise<void> {
  await using http = await startHttpAuthorizer((path) => ({ status: path.includes('yes') ? 200 : 403 }));
  await using grpc = await startGrpcAuthorizer((path) => ({ status: { code: path === '' || path.includes('yes') ? 0 : 7 } }));
  const more = asker({ http: http.port, 'grpc-asker': grpc.port, 'http-silent': await freePort() });
  await using stage = await liveStage(tables(more));
  await withLiveProxy(plane, stage.nodeId, stage.resources, async () => {
    for (const live of stage.cases) {
      for (const call of live.tableCase.calls) {
        assert.equal(await tryLive(live, call), call.allowed, `${live.tableCase.name}: ${JSON.stringify(call)}`);
      }
    }
  });
  assert.deepEqual(
    http.asked.map(({ path }) => path),
    ['/admin/yes', '/admin/no', '/admin/no'],
  );
  assert.equal(grpc.asked.filter((asked) => JSON.stringify(asked).includes('/admin/')).length, 3);
}

void test('CUSTOM from the policy to the authoriser: embedded proxy', () => check({ kind: 'embedded' }));

envoyTest('CUSTOM from the policy to the authoriser: Envoy', (binary) => check({ kind: 'envoy', binary }));
