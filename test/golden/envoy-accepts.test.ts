// Whatever the goldens are told, a real Envoy takes it: each proxy's resources as a static bootstrap through `envoy --mode validate`, which
// reads listeners, routes, clusters and endpoints as it would from xDS, and binds nothing.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { JsonValue } from '@bufbuild/protobuf';
import { printMessage } from '#envoy/print.ts';
import type { ResourceSet } from '#envoy/resource.ts';
import { type TypeUrl, typeUrls } from '#envoy/type-url.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { compileCase, goldenCases } from '#test/support/golden-case.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const run = promisify(execFile);

for (const goldenCase of goldenCases()) {
  envoyTest(`Envoy accepts golden ${goldenCase.area}/${goldenCase.name}`, async (envoy) => {
    await using folder = await temporaryFolder();
    for (const [index, { title, compiled }] of compileCase(goldenCase).proxies.entries()) {
      const file = join(folder.path, `${index}.json`);
      await writeFile(file, unshared(JSON.stringify(bootstrapOf(compiled.resources))));
      assert.match(await validate(envoy, file), /configuration .* OK/, title);
    }
  });
}

envoyTest('what Envoy refuses is seen to be refused', async (envoy) => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'bad.json');
  const route = { match: { safe_regex: { regex: '(' } }, route: { cluster: 'nowhere' } };
  const bad = bootstrapWith([], [], [{ name: 'bad', virtual_hosts: [{ name: 'bad', domains: ['*'], routes: [route] }] }], []);
  await writeFile(file, JSON.stringify(bad));
  assert.match(await validate(envoy, file), /missing \)|no argument for repetition|regex/);
});

/**
 * Without the name under which loggers of metrics share their series: Envoy 1.40 that only validates crashes on it, as it shares nothing. One that runs takes
 * it in test/calls/metrics.test.ts.
 */
function unshared(bootstrap: string): string {
  return bootstrap.replaceAll(/,"sharing_name":"[^"]*"|"sharing_name":"[^"]*",/g, '');
}

/** Everything Envoy prints, whether it accepts or not. */
async function validate(envoy: string, file: string): Promise<string> {
  try {
    const { stdout, stderr } = await run(envoy, [
      '--mode',
      'validate',
      '-c',
      file,
      '--log-level',
      'warning',
      '--concurrency',
      '1',
      '--use-dynamic-base-id',
    ]);
    return stdout + stderr;
  } catch (error) {
    if (error instanceof Error && 'stderr' in error) return String(error.stderr);
    throw error;
  }
}

function bootstrapOf(resources: ResourceSet): unknown {
  const ofType = (typeUrl: TypeUrl): JsonValue[] =>
    [...(resources.get(typeUrl)?.values() ?? [])].map(({ schema, message }) => printMessage(schema, message));
  return bootstrapWith(ofType(typeUrls.listener), ofType(typeUrls.cluster), ofType(typeUrls.route), ofType(typeUrls.endpoint));
}

/** Routes go into listeners of their own and endpoints into static clusters: in this mode nothing is fetched. */
function bootstrapWith(
  listeners: readonly JsonValue[],
  clusters: readonly JsonValue[],
  routes: readonly JsonValue[],
  endpoints: readonly JsonValue[],
): unknown {
  return {
    node: { id: 'sidecar~127.0.0.1~golden.default~default.svc.cluster.local', cluster: 'golden' },
    dynamic_resources: {
      ads_config: { api_type: 'GRPC', transport_api_version: 'V3', grpc_services: [{ envoy_grpc: { cluster_name: 'control-plane' } }] },
    },
    // As in the bootstrap of our agent, and in Istio's.
    layered_runtime: { layers: [{ name: 'expressions', static_layer: { 're2.max_program_size.error_level': 32_768 } }] },
    static_resources: {
      listeners: [...listeners, ...routes.map(routeListener)],
      clusters: [
        ...clusters,
        ...endpoints.map((load_assignment, index) => ({ name: `endpoints-${index}`, type: 'STATIC', connect_timeout: '1s', load_assignment })),
        { name: 'control-plane', type: 'STATIC', connect_timeout: '1s' },
      ],
    },
  };
}

function routeListener(route_config: JsonValue, index: number): unknown {
  const router = {
    name: 'envoy.filters.http.router',
    typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
  };
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'routes',
    route_config,
    http_filters: [router],
  };
  return {
    name: `routes-${index}`,
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    filter_chains: [{ filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] }],
  };
}
