// The pieces of the data path, wired: codecs, pools, connectors, connection managers and listeners. Read from top to bottom it is the proxy's anatomy.
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/logger.ts';
import { ok } from '#base/result.ts';
import type { SocketNetwork } from '#base/socket-network.ts';
import { DenialLog } from '#proxy/denial-log.ts';
import { buildHttpHandler } from '#proxy/http/handler.ts';
import { RateLimitStates } from '#proxy/http/rate-limit-states.ts';
import { RequestIds } from '#proxy/http/request-id.ts';
import { DateField } from '#proxy/http/response-headers.ts';
import type { ServerCodec } from '#proxy/http/server-codec.ts';
import { FieldNames } from '#proxy/http1/field-names.ts';
import { http1ServerCodec } from '#proxy/http1/server.ts';
import { ServerConnection } from '#proxy/http1/server-connection.ts';
import { WriteBatch } from '#proxy/http1/write-batch.ts';
import { http2PoolFactory } from '#proxy/http2/pool.ts';
import { http2ServerCodec } from '#proxy/http2/server.ts';
import { Listeners } from '#proxy/listeners.ts';
import { RouteCells } from '#proxy/route-cells.ts';
import { TimerWheel } from '#proxy/timer-wheel.ts';
import type { SecretSource } from '#proxy/tls/secrets.ts';
import { SecureContexts } from '#proxy/tls/secure-contexts.ts';
import { connectWithTls } from '#proxy/tls/upstream.ts';
import { bytePoolFactory } from '#proxy/upstream/byte-pool.ts';
import { Clusters } from '#proxy/upstream/clusters.ts';
import { connectPlain, connectPlainFrom } from '#proxy/upstream/connect.ts';
import { http1PoolFactory } from '#proxy/upstream/http1-pool-factory.ts';
import { Counters } from '#telemetry/counters.ts';
import { LogWriter } from '#telemetry/log-writer.ts';
import { MetricStore } from '#telemetry/metrics/metric-store.ts';

export type ProxyPartsOptions = {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Clients on this machine are told why they are denied (HEDDLE_EXPLAIN_DENIALS). */
  readonly explainsDenials: boolean;
  /** In [0, 1). */
  readonly random: () => number;
  /** Fills with random bytes of cryptographic quality. */
  readonly fillRandom: (bytes: Uint8Array) => void;
  readonly secrets: SecretSource;
  /** Open connections of all listeners together; Infinity: no limit. */
  readonly connectionLimit: number;
  /** How long connections of a removed listener may go on. */
  readonly drainMs: number;
  /** Where the proxy stands, `region/zone/sub_zone`. */
  readonly locality?: string;
  /** What its own connections are bound to where their cluster says nothing, at most one address of each family. */
  readonly proxyAddresses?: readonly string[];
  /** Where its addresses are, if not where its process is. */
  readonly network?: SocketNetwork | undefined;
  /** What goes to the standard streams of its process otherwise. */
  readonly outputFile?: string | undefined;
};

export type ProxyParts = {
  readonly clusters: Clusters;
  readonly routes: RouteCells;
  readonly listeners: Listeners;
  readonly counters: Counters;
  readonly metrics: MetricStore;
  readonly connections: { readonly open: number };
  /** The codec of the admin server. */
  readonly adminCodec: ServerCodec;
  /** Writes what the access logs still hold, and closes them. */
  readonly closeLogs: () => void;
};

const standardStreams: readonly string[] = ['/dev/stdout', '/dev/stderr'];

export function proxyParts({
  clock,
  logger,
  explainsDenials,
  random,
  fillRandom,
  secrets,
  connectionLimit,
  drainMs,
  locality,
  proxyAddresses,
  network,
  outputFile,
}: ProxyPartsOptions): ProxyParts {
  const counters = new Counters();
  const metrics = new MetricStore();
  const wheel = new TimerWheel(clock);
  const shared = { names: new FieldNames(), batch: new WriteBatch(), wheel };
  const contexts = new SecureContexts();
  const denials = new DenialLog(logger, clock);
  const routes = new RouteCells();
  const logs = new Map<string, LogWriter>();
  const openLog = (written: string) => {
    const path = outputFile !== undefined && standardStreams.includes(written) ? outputFile : written;
    const known = logs.get(path);
    if (known !== undefined) return ok(known);
    const opened = LogWriter.open(path, clock);
    if (opened.ok) logs.set(path, opened.value);
    return opened;
  };

  const connect = network === undefined ? connectPlain : connectPlainFrom(network);
  const alwaysOverPlain = network !== undefined;
  const connectFor = (fallbackAlpn: '' | 'h2' | 'http/1.1') => connectWithTls(connect, secrets, contexts, { fallbackAlpn, alwaysOverPlain });
  const pools = {
    http1: http1PoolFactory(connectFor('http/1.1'), shared),
    http2: http2PoolFactory(connectFor('h2')),
    bytes: bytePoolFactory(connectFor('')),
  };
  const clusters = new Clusters(pools, {
    clock,
    random,
    counters,
    ...(locality === undefined ? {} : { locality }),
    ...(proxyAddresses === undefined ? {} : { proxyAddresses }),
  });
  const http = {
    clock,
    wheel,
    random,
    ids: new RequestIds(fillRandom),
    date: new DateField(clock),
    clusters,
    limits: new RateLimitStates(),
    counters,
    denials,
    explainsDenials,
  };

  const connections = { open: 0, limit: connectionLimit };
  let lastConnectionId = 0;
  const listeners = new Listeners(
    {
      httpHandler: (manager, cell, log) => buildHttpHandler(http, manager, cell, log),
      http1Codec: (manager) => http1ServerCodec(manager, shared),
      http2Codec: (manager) =>
        http2ServerCodec({
          ...(manager.maxConcurrentStreams === undefined ? {} : { maxConcurrentStreams: manager.maxConcurrentStreams }),
          maxHeaderBytes: manager.maxRequestHeadersKb * 1024,
          maxHeaders: manager.maxHeadersCount,
          idleTimeoutMs: manager.idleTimeoutMs,
          allowConnect: manager.allowConnect,
        }),
      routes,
      tcp: { clusters, connect: connectFor(''), random, clock, wheel },
      secrets,
      contexts,
      logs: { open: openLog, metrics },
      counters,
      denials,
    },
    { network, counters, nextConnectionId: () => lastConnectionId++, nowMs: clock.nowMs, connections, denials },
    drainMs,
  );

  const adminOptions = {
    ...shared,
    rules: { maxHeadBytes: 65_536, maxFields: 100, acceptHttp10: true, defaultHostForHttp10: 'localhost', scheme: 'http' as const },
    requestHeadersTimeoutMs: 10_000,
    idleTimeoutMs: 60_000,
    delayedCloseTimeoutMs: 1_000,
    maxConnectionDurationMs: 0,
    maxRequestsPerConnection: 0,
  };
  return {
    clusters,
    routes,
    listeners,
    counters,
    metrics,
    connections,
    adminCodec: (socket, connection, handler) => new ServerConnection(socket, connection, handler, adminOptions),
    closeLogs: () => {
      for (const log of logs.values()) log.close();
      logs.clear();
    },
  };
}
