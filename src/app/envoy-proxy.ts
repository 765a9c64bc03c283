// A real Envoy as the proxy of each local pod: on one loopback address with its agent in this process, in a network of its own with one beside it. What
// is common to both data planes (restarts, order of the end) is the runtime's; here a crash simply ends the process.
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { envoyAdmin } from '#agent/envoy-admin.ts';
import { startEnvoy } from '#agent/envoy-process.ts';
import { drainEnvoy } from '#app/envoy-drain.ts';
import type { EnvoyProxyOptions } from '#app/envoy-proxy-options.ts';
import { serveMetrics } from '#app/metrics-server.ts';
import { nodePeer } from '#app/node-peer.ts';
import { drainTimes } from '#app/proxy-drain.ts';
import { nodeId, nodeMetadata } from '#app/proxy-node.ts';
import { controlPlaneName } from '#app/secure-xds.ts';
import { startWorkloadIdentity } from '#ca/client/client.ts';
import { readKeyType } from '#ca/client/csr.ts';
import { WorkloadSecrets } from '#ca/client/workload-secrets.ts';
import { NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { type ProcessEnd, readLastLines } from '#runtime/child-process.ts';
import type { ProxyProcess, ProxyRequest, StartProxy } from '#runtime/proxy-process.ts';

export function envoyProxies(options: EnvoyProxyOptions): StartProxy {
  return async (request) => {
    if (request.network.kind === 'loopback') return startOne(options, request);
    const { startAgent } = await import('#app/agent-proxy.ts');
    return startAgent(options, request);
  };
}

async function startOne(options: EnvoyProxyOptions, { plan, network, logFile }: ProxyRequest): Promise<ProxyProcess> {
  const { allocator, watchdog, clock, domain } = options;
  const [adminPort, metricsPort, files] = await Promise.all([allocator.take(), allocator.take(), options.credentials(plan)]);
  const keyType = readKeyType(plan.proxy.environment);
  if (!keyType.ok) options.logger.log('warn', `${keyType.error}: the key is ECDSA`, { workload: plan.key });
  const metadata = nodeMetadata(plan, network);
  const workloadName = nodePeer(metadata);
  const common = { target: options.xdsTarget, logger: options.logger, clock, random: Math.random };
  const identity = startWorkloadIdentity({
    ...common,
    ...files,
    ...(keyType.ok && { keyType: keyType.value }),
    ...(workloadName !== undefined && { workloadName }),
  });
  const secrets = new WorkloadSecrets(identity, clock);
  const ended = Promise.withResolvers<ProcessEnd>();
  let pid = 0;
  const envoy = await startEnvoy({
    ...options,
    ...drainTimes(metadata),
    secrets,
    xdsServerName: controlPlaneName,
    node: create(NodeSchema, {
      id: nodeId(plan, network, domain),
      cluster: `${plan.pod.metadata.name}.${plan.pod.metadata.namespace}`,
      metadata,
    }),
    adminPort,
    concurrency: plan.proxy.concurrency,
    environment: plan.proxy.environment,
    workFolder: join(options.workFolder, `${plan.pod.metadata.namespace}.${plan.pod.metadata.name}-${adminPort}`),
    logFile,
    onStart: (started) => {
      pid = started;
      watchdog.add(started);
    },
    onCrash: ({ code, signal }) => {
      ended.resolve(signal === null ? { kind: 'exit', code: code ?? 0 } : { kind: 'signal', signal });
      void envoy.kill();
    },
  });
  const metrics = await serveMetrics({ admin: { host: '127.0.0.1', port: adminPort }, ports: { merged: metricsPort }, metadata, version: 'envoy' });
  if (!metrics.ok) options.logger.log('error', metrics.error, { workload: plan.key });
  void envoy.exited.then(() => {
    watchdog.drop(pid);
    allocator.giveBack([adminPort, metricsPort]);
    if (metrics.ok) void metrics.value[Symbol.asyncDispose]();
    secrets[Symbol.dispose]();
    void identity[Symbol.asyncDispose]();
    ended.resolve({ kind: 'exit', code: 0 });
  });
  return {
    pid,
    admin: `127.0.0.1:${adminPort}`,
    metrics: `127.0.0.1:${metricsPort}`,
    // An Envoy that never serves is told by its end.
    ready: envoy.ready.catch(() => new Promise<void>(() => {})),
    ended: ended.promise,
    drain: (deadlineMs) => drainEnvoy(envoyAdmin({ host: '127.0.0.1', port: adminPort }), clock, deadlineMs, { inboundOnly: !plan.isGateway }),
    signal: (signal) => void (signal === 'SIGKILL' ? envoy.kill() : envoy.drain()),
    lastLines: (count) => readLastLines(logFile, 0, count),
  };
}
