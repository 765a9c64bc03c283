// A proxy of either kind with an identity of the mesh, steered by our xDS server with the resources of one golden's proxy, for as long as its calls
// take.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { startEnvoy } from '#agent/envoy-process.ts';
import { runProxy } from '#app/proxy.ts';
import { systemClock } from '#base/clock.ts';
import { type Logger, silentLogger } from '#base/logger.ts';
import type { WorkloadIdentity } from '#ca/client/workload-identity.ts';
import { WorkloadSecrets } from '#ca/client/workload-secrets.ts';
import { type Node, NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import type { XdsResource } from '#envoy/resource.ts';
import { httpCall } from '#test/support/http-call.ts';
import { spiffeIdOf, type TestIdentity, testAuthority } from '#test/support/identity.ts';
import { listenPorts } from '#test/support/listen-ports.ts';
import { MemoryNodeSource } from '#test/support/memory-node-source.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { startXdsServer } from '#xds/server/server.ts';

export type DataPlane = { readonly kind: 'embedded' } | { readonly kind: 'envoy'; readonly binary: string };

/** The proxy while it runs. */
export type LiveProxy = {
  readonly identity: TestIdentity;
  /** A page of its admin server. */
  readonly admin: (path: string) => Promise<string>;
  /** What it has logged so far. */
  readonly log: () => Promise<string>;
};

/** Runs `calls` while a proxy serves `resources`, which it may replace in `source`; everything is gone when the promise settles. `workloadName`: what its certificate calls it. */
export async function withLiveProxy(
  plane: DataPlane,
  nodeId: string,
  resources: readonly XdsResource[],
  run: (source: MemoryNodeSource, proxy: LiveProxy) => Promise<void>,
  workloadName?: string,
): Promise<void> {
  const source = new MemoryNodeSource();
  source.replace(resources);
  const server = await startXdsServer({ source, address: '127.0.0.1', port: 0, logger: silentLogger, clock: systemClock, plainCarriesSecrets: true });
  if (!server.ok) throw new Error(server.error.reason);
  const node = create(NodeSchema, { id: nodeId, cluster: 'calls' });
  await using identity = await (await testAuthority()).identity(spiffeIdOf(nodeId), workloadName);
  const calls: Calls = (adminPort, log) => run(source, { identity, log, admin: async (path) => (await httpCall({ port: adminPort, path })).body });
  try {
    const xdsTarget = `127.0.0.1:${server.value.port}`;
    await (plane.kind === 'embedded' ? withEmbedded(node, identity, xdsTarget, calls) : withEnvoy(plane.binary, node, identity, xdsTarget, calls));
    const refused = server.value.ledger.nodes().flatMap(({ types }) => [...types.values()].flatMap(({ nacked }) => nacked?.error ?? []));
    if (refused.length > 0) throw new Error(`the proxy refused what it was told: ${refused.join('; ')}`);
  } finally {
    await server.value.close();
  }
}

type Calls = (adminPort: number, log: () => Promise<string>) => Promise<void>;

async function withEmbedded(node: Node, identity: WorkloadIdentity, target: string, calls: Calls): Promise<void> {
  const lines: string[] = [];
  const logger: Logger = { log: (level, message, fields) => void lines.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`) };
  const admin = { address: '127.0.0.1', port: 0 };
  const proxy = await runProxy({
    source: { kind: 'xds', target, node },
    identity,
    logger,
    clock: systemClock,
    drainMs: 0,
    listenerDrainMs: 45_000,
    admin,
  });
  if (!proxy.ok) throw new Error(proxy.error.join('\n'));
  try {
    await proxy.value.ready;
    await calls(proxy.value.admin?.port ?? 0, async () => lines.join('\n'));
  } finally {
    await proxy.value.close();
  }
}

async function withEnvoy(binary: string, node: Node, identity: WorkloadIdentity, xdsTarget: string, calls: Calls): Promise<void> {
  await using folder = await temporaryFolder();
  const logFile = join(folder.path, 'envoy.log');
  const [adminPort = 0] = await listenPorts(1);
  using secrets = new WorkloadSecrets(identity, systemClock);
  const common = { binary, node, xdsTarget, secrets, adminPort, logFile, logger: silentLogger, clock: systemClock };
  const envoy = await startEnvoy({ ...common, workFolder: folder.path });
  try {
    await envoy.ready;
    await calls(adminPort, () => readFile(logFile, 'utf8'));
  } finally {
    await envoy.kill();
  }
}
