// One embedded proxy as a process of its own: options in, running until a signal ends it. SIGTERM and SIGINT drain, a second one ends at once.
import { readFile } from 'node:fs/promises';
import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { leveledLogger } from '#app/leveled-logger.ts';
import { type ProxySource, runProxy } from '#app/proxy.ts';
import { systemClock } from '#base/clock.ts';
import type { Logger, LogLevel } from '#base/logger.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { WorkloadIdentity } from '#ca/client/workload-identity.ts';
import { type Node, NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';

export type ProxyProcessOptions = {
  /** Either a bootstrap file, or an xDS server and who we are. */
  readonly bootstrapFile?: string | undefined;
  readonly xds?: string | undefined;
  readonly nodeId?: string | undefined;
  /** Node metadata as a JSON object. */
  readonly metadata?: string | undefined;
  /** The token that says who this proxy is, and the roots of the control plane's certificate: both, or none. */
  readonly tokenFile?: string | undefined;
  readonly rootsFile?: string | undefined;
  readonly adminPort?: string | undefined;
  /** Where log lines go; standard error by default. */
  readonly logFile?: string | undefined;
  readonly logLevel?: string | undefined;
  /** Where WORKLOAD_RSA_KEY_SIZE may ask for an RSA key. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
};

/** Resolves with the exit code: 0 after a drain, 2 where options or configuration cannot be used. `warn` gets what a user must read. */
export async function runProxyProcess(options: ProxyProcessOptions, warn: (line: string) => void): Promise<number> {
  const source = await readSource(options, warn);
  const admin = readAdminPort(options.adminPort);
  const level = readLevel(options.logLevel ?? 'info');
  const problems = [source, admin, level].flatMap((result) => (result.ok ? [] : [result.error]));
  if (!source.ok || !admin.ok || !level.ok) {
    for (const problem of problems.flat()) warn(problem);
    return 2;
  }
  const logger = leveledLogger(level.value, options.logFile);
  const stop = new AbortController();
  const identity = await startIdentity(source.value, logger);
  const started = await runProxy({
    source: source.value,
    ...(identity === undefined ? {} : { identity }),
    logger,
    clock: systemClock,
    ...(admin.value === undefined ? {} : { admin: { address: '127.0.0.1', port: admin.value } }),
    onQuit: () => stop.abort(),
    onLogLevel: (next) => logger.setLevel(next),
  });
  if (!started.ok) {
    for (const problem of started.error) warn(problem);
    return 2;
  }
  const proxy = started.value;
  if (proxy.admin !== undefined) logger.log('info', 'admin', { address: `${proxy.admin.address}:${proxy.admin.port}` });
  let isDraining = false;
  void proxy.ready.then(() => {
    // What waits for it hears of it at the end, too.
    if (isDraining) return;
    for (const { name, address, port } of proxy.listeners()) logger.log('info', 'listening', { listener: name, address: `${address}:${port}` });
    logger.log('info', 'ready');
  });
  await stopSignal(stop.signal);
  isDraining = true;
  logger.log('info', 'draining');
  await proxy.close();
  await identity?.[Symbol.asyncDispose]();
  return 0;
}

/** The client of the certificate authority is loaded where there is one to ask. */
async function startIdentity(source: ProxySource, logger: Logger): Promise<WorkloadIdentity | undefined> {
  if (source.kind !== 'xds' || source.secure === undefined) return undefined;
  const { startWorkloadIdentity } = await import('#ca/client/client.ts');
  return startWorkloadIdentity({ target: source.target, ...source.secure, logger, clock: systemClock, random: Math.random });
}

/** Resolves at the first signal. From then on a second one is the system's own: it kills. */
function stopSignal(quit: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    // Listeners and their sockets keep the process alive, but with xDS there may be none yet.
    const alive = setInterval(() => {}, 2 ** 30);
    const done = (): void => {
      clearInterval(alive);
      process.off('SIGTERM', done);
      process.off('SIGINT', done);
      resolve();
    };
    process.once('SIGTERM', done);
    process.once('SIGINT', done);
    quit.addEventListener('abort', done, { once: true });
  });
}

async function readSource(options: ProxyProcessOptions, warn: (line: string) => void): Promise<Result<ProxySource, readonly string[]>> {
  const { bootstrapFile, xds, nodeId, tokenFile, rootsFile } = options;
  if ((bootstrapFile === undefined) === (xds === undefined)) return failed(['give either -c BOOTSTRAP or --xds HOST:PORT']);
  if (bootstrapFile !== undefined) {
    return (tokenFile ?? rootsFile) ? failed(['--token-file and --ca-roots go with --xds']) : readBootstrapFile(bootstrapFile);
  }
  if (xds === undefined || nodeId === undefined || nodeId === '') return failed(['--xds needs --node ID']);
  const node = readNode(nodeId, options.metadata ?? '{}');
  if (!node.ok) return failed([node.error]);
  if (tokenFile !== undefined && rootsFile !== undefined) {
    const { readKeyType } = await import('#ca/client/csr.ts');
    const keyType = readKeyType(options.environment ?? {});
    if (!keyType.ok) warn(`${keyType.error}: the key is ECDSA`);
    const secure = { tokenFile, rootsFile, ...(keyType.ok && { keyType: keyType.value }) };
    return ok({ kind: 'xds', target: xds, node: node.value, secure });
  }
  if (tokenFile !== undefined) return failed(['--token-file needs --ca-roots FILE: the roots that the control plane must be vouched for by']);
  if (rootsFile !== undefined) return failed(['--ca-roots needs --token-file FILE: what says who this proxy is']);
  node.value.metadata = { ...node.value.metadata, HEDDLE_IDENTITY: 'none' };
  warn('no --token-file: this proxy has no identity, so it takes and calls nothing by mutual TLS');
  return ok({ kind: 'xds', target: xds, node: node.value });
}

/** What reads bootstraps is loaded where there is one. */
async function readBootstrapFile(file: string): Promise<Result<ProxySource, readonly string[]>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    return failed([error instanceof Error ? error.message : String(error)]);
  }
  const { parseBootstrap } = await import('#proxy/bootstrap-text.ts');
  const { readBootstrap } = await import('#proxy/bootstrap.ts');
  const message = await parseBootstrap(text, file);
  if (!message.ok) return failed([message.error]);
  const bootstrap = readBootstrap(message.value);
  return bootstrap.ok ? ok({ kind: 'bootstrap', bootstrap: bootstrap.value }) : failed(bootstrap.error.map((error) => `${file}: ${error}`));
}

function readNode(id: string, metadata: string): Result<Node, string> {
  try {
    // JSON.parse returns any; whatever it gives is JSON.
    const value = JSON.parse(metadata) as JsonValue;
    // Istio's node ids end in the DNS domain; the cluster Envoy's --service-cluster would name is not needed.
    return ok(fromJson(NodeSchema, { id, metadata: value, user_agent_name: 'heddle' }));
  } catch (error) {
    return failed(`--metadata must be a JSON object: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function readAdminPort(text: string | undefined): Result<number | undefined, string> {
  if (text === undefined) return ok(undefined);
  const port = Number(text);
  return Number.isInteger(port) && port >= 0 && port < 65_536 && text !== '' ? ok(port) : failed(`--admin-port ${text} is no port`);
}

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

function readLevel(text: string): Result<LogLevel, string> {
  const level = levels.find((known) => known === text);
  return level === undefined ? failed(`--log-level ${text} is none of ${levels.join(', ')}`) : ok(level);
}
