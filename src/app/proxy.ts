// The embedded proxy, put together: configuration from a bootstrap or an xDS server in, a running proxy with its admin server out.
// Everything that has a state or touches the machine (clock, randomness, files, sockets) is made here and handed down.
import { create } from '@bufbuild/protobuf';
import type { MetricsPorts } from '#app/pod-metrics.ts';
import type { PodOptions } from '#app/pod-options.ts';
import { type ProxyAds, subscribeToAds } from '#app/proxy-ads.ts';
import { ProxyInPod } from '#app/proxy-in-pod.ts';
import { type ProxyMetrics, startProxyMetrics } from '#app/proxy-metrics.ts';
import { type ProxyParts, proxyParts } from '#app/proxy-parts.ts';
import { ProxySecrets } from '#app/proxy-secrets.ts';
import type { SecureXds } from '#app/secure-xds.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger, LogLevel } from '#base/logger.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { SocketNetwork } from '#base/socket-network.ts';
import type { WorkloadIdentity } from '#ca/client/workload-identity.ts';
import { localityName } from '#decide/endpoints.ts';
import { type Node, NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { connectionLimitOf } from '#envoy/proxy-config-metadata.ts';
import { type AdminServer, startAdmin } from '#proxy/admin.ts';
import { adminPages, type ServerState } from '#proxy/admin-pages.ts';
import type { AdsSource, ProxyBootstrap } from '#proxy/bootstrap.ts';
import { describeCertificates } from '#proxy/certs-page.ts';
import { ClusterStore, type Refusal } from '#proxy/cluster-store.ts';
import type * as ConfigDump from '#proxy/config-dump.ts';
import { ConfigStore } from '#proxy/config-store.ts';
import { readPem } from '#proxy/tls/secrets.ts';

/** Where the configuration comes from: an Envoy bootstrap, or an xDS server that gives everything. */
export type ProxySource =
  | { readonly kind: 'bootstrap'; readonly bootstrap: ProxyBootstrap }
  | { readonly kind: 'xds'; readonly target: string; readonly node: Node; readonly secure?: SecureXds };

export type ProxyOptions = Partial<PodOptions> & {
  /** Where its addresses are, if not where its process is. */
  readonly network?: SocketNetwork | undefined;
  /** What goes to the standard streams of its process otherwise: of several proxies in one process each has its own. */
  readonly outputFile?: string | undefined;
  readonly source: ProxySource;
  /** Who the proxy is: what it answers by itself where its configuration asks the cluster `sds-grpc`. Stays the caller's. */
  readonly identity?: WorkloadIdentity;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Where the admin server listens, 0 for a free port; a bootstrap's own admin address is used where this is not given. */
  readonly admin?: { readonly address: string; readonly port: number };
  /** Where Prometheus asks, on 127.0.0.1: proxy and application merged, and the proxy alone. Nowhere by default. */
  readonly metricsPorts?: MetricsPorts;
  /** In [0, 1); Math.random by default. */
  readonly random?: () => number;
  /** How long connections may go on when the proxy ends; 5 s by default. */
  readonly drainMs?: number;
  /** How long connections may go on when their listener is changed or removed; `drainMs` unless given. */
  readonly listenerDrainMs?: number;
  /** Called for /quitquitquit and /logging; by default they do nothing. */
  readonly onQuit?: () => void;
  readonly onLogLevel?: (level: LogLevel) => void;
};

export type RunningProxy = AsyncDisposable & {
  /** Bound listeners with the ports they really have. */
  readonly listeners: () => readonly { readonly name: string; readonly address: string; readonly port: number }[];
  readonly admin: { readonly address: string; readonly port: number } | undefined;
  /** Resolves once the first configuration is in force. */
  readonly ready: Promise<void>;
  /** Tells the xDS server that the app behind it is well, or with a reason why it is not. Without one nobody is told. */
  readonly reportHealth: (reason?: string) => void;
  /** Stops accepting, waits for requests to end (at most `drainMs`), and ends. */
  readonly close: () => Promise<void>;
  /** Waits for nothing any more, from now on. */
  readonly cut: () => void;
};

const version = 'heddle/0.1.0';

/** Loaded when somebody asks: it brings every type along that may stand in a bootstrap. In one step, as the page is made in one. */
const dumps = () => {
  const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);
  // The type of the very file.
  return require('#proxy/config-dump.ts') as typeof ConfigDump;
};

/** Errors name the resource and field of a static configuration that cannot be used, or the address that is taken. */
export async function runProxy(options: ProxyOptions): Promise<Result<RunningProxy, readonly string[]>> {
  const proxy = new Proxy(options);
  const started = await proxy.start();
  if (started.length === 0) return ok(proxy);
  await proxy.close();
  return failed(started);
}

class Proxy implements RunningProxy {
  readonly ready: Promise<void>;
  readonly #options: ProxyOptions;
  readonly #secrets: ProxySecrets;
  readonly #parts: ProxyParts;
  readonly #clusterStore: ClusterStore;
  readonly #configStore: ConfigStore;
  readonly #pod: ProxyInPod;
  readonly #startMs: number;
  #ads: ProxyAds | undefined;
  #admin: AdminServer | undefined;
  #metrics: ProxyMetrics | undefined;
  #state: ServerState = 'PRE_INITIALIZING';
  #onReady: () => void = () => {};
  #closing: Promise<void> | undefined;
  readonly #cut = new AbortController();

  constructor(options: ProxyOptions) {
    const { source, clock, logger, random = Math.random } = options;
    this.#options = options;
    this.#startMs = clock.monotonicMs();
    this.ready = new Promise((resolve) => {
      this.#onReady = resolve;
    });
    this.#secrets = new ProxySecrets({
      statics: source.kind === 'bootstrap' ? source.bootstrap.secrets : [],
      identity: options.identity,
      node: nodeOf(source),
      staticCluster: (name) => this.#clusterStore.staticEntry(name),
      logger,
      clock,
    });
    this.#parts = partsOf({ ...options, random }, this.#secrets.store, options.listenerDrainMs ?? this.#drainMs);
    this.#pod = new ProxyInPod({ ...options, counters: this.#parts.counters, random });
    const common = {
      secrets: {
        problem: this.#secrets.problem.bind(this.#secrets),
        missing: this.#secrets.store.missing.bind(this.#secrets.store),
      },
      onSecretNames: () => this.#wantSecrets(),
      onChange: () => this.#checkReady(),
    };
    this.#clusterStore = new ClusterStore({
      ...common,
      clusters: this.#parts.clusters,
      clock,
      resolve: (name, wantsTtl) => this.#pod.resolve(name, wantsTtl),
      onEndpointNames: (names) => this.#ads?.wantEndpoints(names),
    });
    this.#configStore = new ConfigStore({
      ...common,
      listeners: this.#parts.listeners,
      routes: this.#parts.routes,
      clock,
      logger,
      readFile: (file) => {
        const text = readPem(file);
        if (!text.ok) throw new Error(text.error);
        return Buffer.from(text.value);
      },
      onRouteNames: (names) => this.#ads?.wantRoutes(names),
    });
    this.#secrets.store.onChange(() => {
      this.#clusterStore.secretsChanged();
      void this.#configStore.secretsChanged();
    });
  }

  get #drainMs(): number {
    return this.#options.drainMs ?? 5_000;
  }

  get admin(): { readonly address: string; readonly port: number } | undefined {
    return this.#admin;
  }

  listeners(): readonly { readonly name: string; readonly address: string; readonly port: number }[] {
    return this.#parts.listeners.all().filter(({ entry }) => entry.bindToPort);
  }

  reportHealth(reason?: string): void {
    this.#ads?.reportHealth(reason);
  }

  /** What keeps it from starting; empty: it runs. */
  async start(): Promise<readonly string[]> {
    const { source } = this.#options;
    const bootstrap = source.kind === 'bootstrap' ? source.bootstrap : undefined;
    const adminErrors = await this.#startAdmin(bootstrap);
    if (adminErrors.length > 0) return adminErrors;
    const metrics = await startProxyMetrics(this.#parts, this.#options, nodeOf(source)?.metadata, version);
    if (!metrics.ok) return [metrics.error];
    this.#metrics = metrics.value;
    const staticErrors = bootstrap === undefined ? [] : await this.#loadStatic(bootstrap);
    if (staticErrors.length > 0) return staticErrors;
    const adsErrors = await this.#startAds(source);
    if (adsErrors.length > 0) return adsErrors;
    const socketError = await this.#pod.openHostSockets((socket, port) => this.#parts.listeners.adopt(socket, port));
    if (socketError !== undefined) return [socketError];
    this.#state = 'INITIALIZING';
    this.#checkReady();
    return [];
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  cut(): void {
    this.#cut.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #loadStatic(bootstrap: ProxyBootstrap): Promise<readonly string[]> {
    for (const field of bootstrap.withoutEffect) this.#options.logger.log('warn', 'bootstrap field has no effect in this proxy', { field });
    const clusters = this.#clusterStore.update(bootstrap.clusters, [], true);
    if (clusters.length > 0) return clusters.map((refusal) => formatRefusal('cluster', refusal));
    const listeners = await this.#configStore.updateListeners(bootstrap.listeners, [], true);
    return listeners.map((refusal) => formatRefusal('listener', refusal));
  }

  async #startAds(source: ProxySource): Promise<readonly string[]> {
    const { logger, clock } = this.#options;
    const stores = { logger, clock, clusterStore: this.#clusterStore, configStore: this.#configStore, secrets: this.#secrets };
    if (source.kind === 'xds') {
      const { identity } = this.#options;
      const who = identity === undefined ? {} : { identity };
      const names = await this.#pod.serveNames(source.node);
      if (!names.ok) return [names.error];
      const dns = names.value === undefined ? {} : { dns: names.value, onNames: () => this.#checkReady() };
      this.#ads = await subscribeToAds({ ...stores, ...source, ...who, ...dns, mode: 'delta', listeners: true, clusters: true });
      return [];
    }
    const { ads, node, wantsClusters, wantsListeners } = source.bootstrap;
    if (ads === undefined) return [];
    const target = this.#adsTarget(ads);
    if (!target.ok) return [target.error];
    const identity = node ?? create(NodeSchema, {});
    this.#ads = await subscribeToAds({
      ...stores,
      target: target.value,
      node: identity,
      mode: ads.mode,
      listeners: wantsListeners,
      clusters: wantsClusters,
    });
    return [];
  }

  #adsTarget({ target }: AdsSource): Result<string, string> {
    if (target.kind === 'address') return ok(target.address);
    const entry = this.#clusterStore.staticEntry(target.name);
    const field = 'dynamic_resources.ads_config.grpc_services[0].envoy_grpc.cluster_name';
    if (entry === undefined) return failed(`${field}: there is no static cluster ${target.name}`);
    const [endpoint] = entry.endpoints;
    if (endpoint === undefined) return failed(`${field}: cluster ${target.name} has no endpoint`);
    if (entry.tls !== undefined) return failed(`cluster ${target.name}: transport_socket: TLS to the xDS server is not supported`);
    return ok(`${endpoint.address.includes(':') ? `[${endpoint.address}]` : endpoint.address}:${endpoint.port}`);
  }

  async #startAdmin(bootstrap: ProxyBootstrap | undefined): Promise<readonly string[]> {
    const address = this.#options.admin ?? bootstrap?.admin;
    if (address === undefined) return [];
    const pages = adminPages({
      version,
      state: () => this.#state,
      uptimeMs: () => this.#options.clock.monotonicMs() - this.#startMs,
      node: () => this.#nodeJson(),
      listeners: this.#parts.listeners,
      clusters: this.#parts.clusters,
      addedViaApi: (name) => this.#clusterStore.messages().some(({ message, isStatic }) => message.name === name && !isStatic),
      counters: this.#parts.counters,
      metrics: this.#parts.metrics,
      configDump: () => dumps().dumpConfig(bootstrap, this.#clusterStore, this.#configStore, this.#secrets.store),
      certificates: () => describeCertificates(this.#secrets.store.all(), this.#options.clock.nowMs()),
      setLogLevel: (level) => this.#options.onLogLevel?.(level),
      drainListeners: (inboundOnly) => void this.#drain(inboundOnly),
      quit: () => this.#options.onQuit?.(),
    });
    const started = await startAdmin(pages, this.#parts.adminCodec, address, this.#options.network);
    if (!started.ok) return [started.error];
    this.#admin = started.value;
    return [];
  }

  #nodeJson(): unknown {
    const node = nodeOf(this.#options.source);
    return node === undefined ? {} : dumps().readable(NodeSchema, node);
  }

  #wantSecrets(): void {
    this.#secrets.want([...this.#clusterStore.secrets(), ...this.#configStore.secrets()]);
  }

  /** Live: the first answers have come, and nothing of them waits for endpoints, routes or secrets any more. */
  #checkReady(): void {
    if (this.#state !== 'INITIALIZING') return;
    if (this.#ads !== undefined && !this.#ads.started()) return;
    if (this.#clusterStore.warming().length > 0 || this.#configStore.warming().length > 0) return;
    this.#state = 'LIVE';
    this.#onReady();
  }

  async #drain(inboundOnly = false): Promise<void> {
    this.#state = 'DRAINING';
    this.#pod.closeHostSockets();
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), this.#drainMs);
    await this.#parts.listeners.drain(AbortSignal.any([deadline.signal, this.#cut.signal]), inboundOnly);
    clearTimeout(timer);
  }

  async #close(): Promise<void> {
    this.#ads?.close();
    this.#secrets.close();
    this.#clusterStore.stop();
    this.#configStore.stop();
    await this.#drain();
    this.#parts.clusters.destroy();
    await this.#pod.close();
    await Promise.all([this.#admin?.close(), this.#metrics?.close()]);
    this.#parts.closeLogs();
    this.#onReady();
  }
}

type PartsOptions = ProxyOptions & Required<Pick<ProxyOptions, 'random'>>;

function partsOf(options: PartsOptions, secrets: ProxySecrets['store'], drainMs: number): ProxyParts {
  const { source, clock, logger, random } = options;
  const node = nodeOf(source);
  return proxyParts({
    clock,
    logger,
    explainsDenials: String(node?.metadata?.['HEDDLE_EXPLAIN_DENIALS']) === 'true',
    random,
    // Not imported: an import of node:crypto loads all of it, web crypto included.
    fillRandom: (bytes) => void process.getBuiltinModule('node:crypto').randomFillSync(bytes),
    secrets,
    connectionLimit: source.kind === 'bootstrap' ? source.bootstrap.connectionLimit : (connectionLimitOf(node?.metadata) ?? Number.POSITIVE_INFINITY),
    drainMs,
    ...localityOf(node),
    ...proxyAddressesOf(options),
    network: options.network,
    outputFile: options.outputFile,
  });
}

function nodeOf(source: ProxySource): Node | undefined {
  return source.kind === 'bootstrap' ? source.bootstrap.node : source.node;
}

function localityOf(node: Node | undefined): { readonly locality?: string } {
  return node?.locality === undefined ? {} : { locality: localityName(node.locality) };
}

/** What was said at the start counts before a bootstrap. */
function proxyAddressesOf({ source, proxyAddresses }: ProxyOptions): { readonly proxyAddresses?: readonly string[] } {
  const addresses = proxyAddresses ?? (source.kind === 'bootstrap' ? source.bootstrap.sourceAddresses : []);
  return addresses.length === 0 ? {} : { proxyAddresses: addresses };
}

function formatRefusal(kind: 'listener' | 'cluster', { resource, message }: Refusal): string {
  return `${kind} ${resource}: ${message}`;
}
