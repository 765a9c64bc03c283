// A real Envoy in the foreground: for a workload that no runtime of ours started, and beside a pod in that pod's own network. It gets its bootstrap, its
// certificate and its configuration, and while it serves the app is probed and its health told, where somebody asks for that. SIGTERM and SIGINT
// drain, a second one ends at once.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findEnvoy } from '#agent/binary.ts';
import { startEnvoy } from '#agent/envoy-process.ts';
import { leveledLogger } from '#app/leveled-logger.ts';
import type { MetricsPorts } from '#app/pod-metrics.ts';
import type { PodOptions } from '#app/pod-options.ts';
import type { DrainTimes } from '#app/proxy-drain.ts';
import {
  drainOf,
  type ProxyProcessOptions,
  podOptions,
  readAdminPort,
  readLevel,
  readMetricsPorts,
  readProbe,
  stopSignal,
} from '#app/proxy-process-options.ts';
import { readSource } from '#app/proxy-source.ts';
import { controlPlaneName, type SecureXds } from '#app/secure-xds.ts';
import type { HealthOptions } from '#app/workload-health.ts';
import { systemClock } from '#base/clock.ts';
import type { Logger } from '#base/logger.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { AuthorityChannel } from '#ca/client/authority-channel.ts';
import { startWorkloadIdentity } from '#ca/client/client.ts';
import type { WorkloadIdentity } from '#ca/client/workload-identity.ts';
import { WorkloadSecrets } from '#ca/client/workload-secrets.ts';
import type { RunningDns } from '#dns/start-dns.ts';
import type { Node } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { Counters } from '#telemetry/counters.ts';
import { AdsClient } from '#xds/client/ads-client.ts';

type Settings = DrainTimes & {
  readonly target: string;
  readonly node: Node;
  readonly secure: SecureXds | undefined;
  readonly binary: string;
  readonly adminPort: number;
  readonly metricsPorts: MetricsPorts | undefined;
  readonly logger: Logger;
  readonly logFile: string | undefined;
  readonly watch: ((options: HealthOptions) => () => void) | undefined;
  readonly pod: PodOptions;
  readonly inPod: EnvoyInPod | undefined;
};

/** Where the runtime has started the agent beside a pod: it ends with its Envoy, and with the agent its Envoy ends. */
export type EnvoyInPod = {
  readonly binary: string;
  /** Where the bootstrap is written. */
  readonly workFolder: string;
  /** Threads; 0 stands for all cores. */
  readonly concurrency: number;
};

/**
 * Resolves with the exit code: 0 after a drain, 1 where Envoy has ended by itself (in a pod), 2 where options cannot be used. `warn` gets what a user
 * must read.
 */
export async function runEnvoyAgent(options: ProxyProcessOptions, warn: (line: string) => void, inPod?: EnvoyInPod): Promise<number> {
  const settings = await readSettings(options, warn, inPod);
  if (!settings.ok) {
    for (const problem of settings.error) warn(problem);
    return 2;
  }
  return serve(settings.value);
}

async function readSettings(
  options: ProxyProcessOptions,
  warn: (line: string) => void,
  inPod: EnvoyInPod | undefined,
): Promise<Result<Settings, readonly string[]>> {
  const source = await readSource(options, warn);
  const probe = await readProbe(source);
  const admin = readAdminPort(options.adminPort ?? '15000');
  const metrics = readMetricsPorts(options.metricsPorts);
  const level = readLevel(options.logLevel ?? 'info');
  const binary = inPod === undefined ? findEnvoy(options.environment ?? {}) : ok(inPod.binary);
  const pod = await podOptions(options);
  const problems = [source, probe, admin, metrics, level, binary, pod].flatMap((result) => (result.ok ? [] : [result.error]));
  if (!source.ok || !probe.ok || !admin.ok || !metrics.ok || !level.ok || !binary.ok || !pod.ok) return failed(problems.flat());
  if (source.value.kind !== 'xds') return failed(['--envoy goes with --xds: start Envoy itself for a bootstrap of your own']);
  if (admin.value === 0 || admin.value === undefined) return failed(['--envoy needs an --admin-port that is not 0']);
  const { target, node, secure } = source.value;
  // Envoy wants a cluster; of Istio's node id it is `name.namespace`.
  node.cluster = node.id.split('~')[2] ?? node.id;
  const logger = leveledLogger(level.value, options.logFile);
  const { logFile } = options;
  return ok({
    ...drainOf(source.value),
    target,
    node,
    secure,
    binary: binary.value,
    adminPort: admin.value,
    metricsPorts: metrics.value,
    logger,
    logFile,
    watch: probe.value,
    pod: pod.value,
    inPod,
  });
}

async function serve(settings: Settings): Promise<number> {
  const { target, node, secure, watch, logger, pod, inPod, ...rest } = settings;
  const clock = systemClock;
  const identity = secure === undefined ? undefined : startWorkloadIdentity({ target, ...secure, logger, clock, random: Math.random });
  const secrets = identity === undefined ? undefined : new WorkloadSecrets(identity, clock);
  const workFolder = inPod?.workFolder ?? (await mkdtemp(join(tmpdir(), 'heddle-envoy-')));
  const agent = agentClient({ target, node, secure, identity, logger });
  const [names, ownNames, metrics] = await Promise.all([serveNames(agent.client, settings), serveEnvoy(settings), serveOwnMetrics(settings)]);
  if (!names.ok || !ownNames.ok || !metrics.ok) {
    for (const started of [names, ownNames, metrics]) if (!started.ok) logger.log('error', started.error);
    agent.close();
    await identity?.[Symbol.asyncDispose]();
    return 2;
  }
  const crashed = new AbortController();
  const envoy = await startEnvoy({
    ...rest,
    node,
    xdsTarget: target,
    workFolder,
    logger,
    clock,
    sourceAddresses: pod.proxyAddresses,
    ...(ownNames.value !== undefined && { nameServer: ownNames.value.address }),
    ...(inPod !== undefined && { sharesGroup: true, concurrency: inPod.concurrency, onCrash: () => crashed.abort() }),
    ...(secrets !== undefined && { secrets, xdsServerName: controlPlaneName }),
  });
  const whileReady: (() => void)[] = [];
  void envoy.ready.then(
    async () => {
      logger.log('info', 'ready', { admin: `127.0.0.1:${rest.adminPort}` });
      if (watch !== undefined) whileReady.push(watch({ clock, logger, report: (reason) => agent.client.reportHealth(reason) }));
      whileReady.push(...(await openHostSockets(pod, logger)));
    },
    () => {},
  );
  await stopSignal(crashed.signal);
  logger.log('info', crashed.signal.aborted ? 'Envoy has ended' : 'draining');
  for (const end of whileReady) end();
  await (crashed.signal.aborted ? envoy.kill() : envoy.drain());
  await names.value?.close();
  await ownNames.value?.close();
  await metrics.value?.[Symbol.asyncDispose]();
  agent.close();
  secrets?.[Symbol.dispose]();
  await identity?.[Symbol.asyncDispose]();
  if (inPod === undefined) await rm(workFolder, { recursive: true, force: true });
  return crashed.signal.aborted ? 1 : 0;
}

async function serveOwnMetrics({ metricsPorts: ports, adminPort, node }: Settings): Promise<Result<AsyncDisposable | undefined, string>> {
  if (ports === undefined) return ok(undefined);
  const { serveMetrics } = await import('#app/metrics-server.ts');
  return serveMetrics({ admin: { host: '127.0.0.1', port: adminPort }, ports, metadata: node.metadata, version: 'envoy' });
}

/** Gives what closes them. What comes there goes to Envoy by the pod's own loopback address. */
async function openHostSockets({ hostSockets }: PodOptions, logger: Logger): Promise<readonly (() => void)[]> {
  if (hostSockets.length === 0) return [];
  const [{ acceptFrom }, { pipeToLocal }] = await Promise.all([import('#proxy/capture/host-socket.ts'), import('#agent/local-pipe.ts')]);
  const opened = hostSockets.map(async ({ port, socket: listening }) => {
    try {
      return [(await acceptFrom(listening, (socket) => pipeToLocal(socket, port))).close];
    } catch (error) {
      logger.log('error', 'a socket of the host cannot be used', { port, reason: String(error) });
      return [];
    }
  });
  return (await Promise.all(opened)).flat();
}

type Watcher = Pick<Settings, 'target' | 'node' | 'secure' | 'logger'> & { readonly identity: WorkloadIdentity | undefined };

/** An xDS client of the agent's own, as Envoy's stream is Envoy's. Its stream opens when something is asked for, or said. */
function agentClient({ target, node, secure, identity, logger }: Watcher): { readonly client: AdsClient; readonly close: () => void } {
  const clock = systemClock;
  const channel = secure === undefined ? undefined : new AuthorityChannel({ target, serverName: controlPlaneName, ...secure });
  const way = channel === undefined ? {} : { way: () => channel.way(identity?.current(), clock.nowMs()) };
  const client = new AdsClient({ target, node, logger, clock, ...way });
  const close = (): void => {
    client.close();
    channel?.close();
  };
  return { client, close };
}

/**
 * Whom Envoy itself asks: its questions would be led to the name server of the pod, as its application's are, and answered with addresses that only
 * connections of the application can go to. This one passes them all on, from the proxy's address.
 */
async function serveEnvoy({ pod, node, logger }: Pick<Settings, 'pod' | 'node' | 'logger'>): Promise<Result<RunningDns | undefined, string>> {
  const { dns, proxyAddresses } = pod;
  if (dns?.upstream === undefined) return ok(undefined);
  const [{ startPodDns }, { create }, { NameTableSchema }] = await Promise.all([
    import('#app/pod-dns.ts'),
    import('@bufbuild/protobuf'),
    import('#envoy/gen/istio/networking/nds/v1/nds_pb.js'),
  ]);
  const own = { listen: { address: '127.0.0.1', port: 0 }, upstream: dns.upstream };
  const started = await startPodDns({ dns: own, proxyAddresses, node, counters: new Counters(), clock: systemClock, logger, random: Math.random });
  if (started.ok) started.value.setTable(create(NameTableSchema, {}));
  return started;
}

/** The name server of the pod; undefined where it is not to have one. The error names the address that cannot be had. */
async function serveNames(
  client: AdsClient,
  { pod, node, logger }: Pick<Settings, 'pod' | 'node' | 'logger'>,
): Promise<Result<RunningDns | undefined, string>> {
  const { dns, proxyAddresses } = pod;
  if (dns === undefined) return ok(undefined);
  const [{ startPodDns }, { subscribeToNames }] = await Promise.all([import('#app/pod-dns.ts'), import('#dns/name-subscription.ts')]);
  const started = await startPodDns({ dns, proxyAddresses, node, counters: new Counters(), clock: systemClock, logger, random: Math.random });
  if (started.ok) subscribeToNames(client, started.value);
  return started;
}
