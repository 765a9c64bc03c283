// The embedded proxy, put together: configuration from a bootstrap or an xDS server in, a running proxy with its admin server out.
// Everything that has a state or touches the machine (clock, randomness, files, sockets) is made here and handed down.
import { create } from '@bufbuild/protobuf';
import type { PodOptions } from '#app/pod-options.ts';
import { type ProxyAds, type ProxyAdsOptions, subscribeToAds } from '#app/proxy-ads.ts';
import { type ProxyParts, proxyParts } from '#app/proxy-parts.ts';
import { ProxySecrets } from '#app/proxy-secrets.ts';
import type { SecureXds } from '#app/secure-xds.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger, LogLevel } from '#base/logger.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { WorkloadIdentity } from '#ca/client/workload-identity.ts';
import { localityName } from '#decide/endpoints.ts';
import type { RunningDns } from '#dns/start-dns.ts';
import { type Node, NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { type AdminServer, startAdmin } from '#proxy/admin.ts';
import { adminPages, type ServerState } from '#proxy/admin-pages.ts';
import type { AdsSource, ProxyBootstrap } from '#proxy/bootstrap.ts';
import { describeCertificates } from '#proxy/certs-page.ts';
import { ClusterStore, type Refusal } from '#proxy/cluster-store.ts';
import type * as ConfigDump from '#proxy/config-dump.ts';
import { ConfigStore } from '#proxy/config-store.ts';
import { type ResolvedName, type ResolveName, systemResolver } from '#proxy/dns-endpoints.ts';
import { readPem } from '#proxy/tls/secrets.ts';

/** Where the configuration comes from: an Envoy bootstrap, or an xDS server that gives everything. */
export type ProxySource =
  | { readonly kind: 'bootstrap'; readonly bootstrap: ProxyBootstrap }
  | { readonly kind: 'xds'; readonly target: string; readonly node: Node; readonly secure?: SecureXds };

export type ProxyOptions = {
  readonly source: ProxySource;
  /** Who the proxy is: what it answers by itself where its configuration asks the cluster `sds-grpc`. Stays the caller's. */
  readonly identity?: WorkloadIdentity;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Where the admin server listens, 0 for a free port; a bootstrap's own admin address is used where this is not given. */
  readonly admin?: { readonly address: string; readonly port: number };
  /** In [0, 1); Math.random by default. */
  readonly random?: () => number;
  /** How long connections may go on when the proxy ends; 5 s by default. */
  readonly drainMs?: number;
  /** How long connections may go on when their listener is changed or removed; `drainMs` unless given. */
  readonly listenerDrainMs?: number;
  /** What its own connections are bound to, at most one address of each family, so that a redirection of its application's leaves them alone. */
  readonly proxyAddresses?: readonly string[];
  /** Sockets that listen in another network, inherited from who started the process, by the port that they stand for. */
  readonly hostSockets?: readonly { readonly port: number; readonly descriptor: number }[];
  /** Where it answers its application's questions for names, and who knows the others. Only with an xDS server, which tells it the names. */
  readonly dns?: PodOptions['dns'];
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
  readonly #startMs: number;
  #ads: ProxyAds | undefined;
  #dns: RunningDns | undefined;
  #resolver: ResolveName | undefined;
  #admin: AdminServer | undefined;
  #state: ServerState = 'PRE_INITIALIZING';
  #onReady: () => void = () => {};
  #closing: Promise<void> | undefined;
  readonly #hostSockets: { readonly close: () => void }[] = [];

  constructor(options: ProxyOptions) {
    const { source, clock, logger } = options;
    this.#options = options;
    this.#startMs = clock.monotonicMs();
    this.ready = new Promise((resolve) => {
      this.#onReady = resolve;
    });
    this.#secrets = new ProxySecrets({
      statics: source.kind === 'bootstrap' ? source.bootstrap.secrets : [],
      identity: options.identity,
      node: source.kind === 'bootstrap' ? source.bootstrap.node : source.node,
      staticCluster: (name) => this.#clusterStore.staticEntry(name),
      logger,
      clock,
    });
    const node = source.kind === 'bootstrap' ? source.bootstrap.node : source.node;
    this.#parts = proxyParts({
      clock,
      logger,
      explainsDenials: String(node?.metadata?.['HEDDLE_EXPLAIN_DENIALS']) === 'true',
      random: options.random ?? Math.random,
      // Not imported: an import of node:crypto loads all of it, web crypto included.
      fillRandom: (bytes) => void process.getBuiltinModule('node:crypto').randomFillSync(bytes),
      secrets: this.#secrets.store,
      connectionLimit: source.kind === 'bootstrap' ? source.bootstrap.connectionLimit : Number.POSITIVE_INFINITY,
      drainMs: options.listenerDrainMs ?? this.#drainMs,
      ...localityOf(source.kind === 'xds' ? source.node : source.bootstrap.node),
      ...proxyAddressesOf(options),
    });
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
      resolve: (name, wantsTtl) => this.#resolve(name, wantsTtl),
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
    const staticErrors = bootstrap === undefined ? [] : await this.#loadStatic(bootstrap);
    if (staticErrors.length > 0) return staticErrors;
    const adsErrors = await this.#startAds(source);
    if (adsErrors.length > 0) return adsErrors;
    const socketErrors = await this.#openHostSockets();
    if (socketErrors.length > 0) return socketErrors;
    this.#state = 'INITIALIZING';
    this.#checkReady();
    return [];
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
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
      const names = await this.#startDns(source.node);
      if (!names.ok) return [names.error];
      this.#ads = await subscribeToAds({ ...stores, ...source, ...who, ...names.value, mode: 'delta', listeners: true, clusters: true });
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

  /** Where the application's questions are led to ourselves, our own go on to who is asked then. */
  async #resolve(name: string, wantsTtl: boolean): Promise<ResolvedName> {
    const { dns, proxyAddresses = [] } = this.#options;
    if (dns?.upstream === undefined) return systemResolver(name, wantsTtl);
    if (this.#resolver === undefined) {
      const { resolverAt } = await import('#proxy/upstream-resolver.ts');
      this.#resolver ??= resolverAt(dns.upstream, proxyAddresses);
    }
    return this.#resolver(name, wantsTtl);
  }

  /** Nothing where it is not to answer for names: then nothing of it is loaded. */
  async #startDns(node: Node): Promise<Result<Pick<ProxyAdsOptions, 'dns' | 'onNames'>, string>> {
    const { dns, proxyAddresses = [], clock, logger, random = Math.random } = this.#options;
    if (dns === undefined) return ok({});
    const { startPodDns } = await import('#app/pod-dns.ts');
    const started = await startPodDns({ dns, proxyAddresses, node, counters: this.#parts.counters, clock, logger, random });
    if (!started.ok) return started;
    this.#dns = started.value;
    return ok({ dns: started.value, onNames: () => this.#checkReady() });
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
      configDump: () => dumps().dumpConfig(bootstrap, this.#clusterStore, this.#configStore, this.#secrets.store),
      certificates: () => describeCertificates(this.#secrets.store.all(), this.#options.clock.nowMs()),
      setLogLevel: (level) => this.#options.onLogLevel?.(level),
      drainListeners: (inboundOnly) => void this.#drain(inboundOnly),
      quit: () => this.#options.onQuit?.(),
    });
    const started = await startAdmin(pages, this.#parts.adminCodec, address);
    if (!started.ok) return [started.error];
    this.#admin = started.value;
    return [];
  }

  async #openHostSockets(): Promise<readonly string[]> {
    const { hostSockets = [] } = this.#options;
    if (hostSockets.length === 0) return [];
    const { acceptFrom } = await import('#proxy/capture/host-socket.ts');
    for (const { port, descriptor } of hostSockets) {
      try {
        this.#hostSockets.push(await acceptFrom(descriptor, (socket) => this.#parts.listeners.adopt(socket, port)));
      } catch (error) {
        return [`the socket for port ${port} cannot be used: ${error instanceof Error ? error.message : String(error)}`];
      }
    }
    return [];
  }

  #nodeJson(): unknown {
    const { source } = this.#options;
    const node = source.kind === 'xds' ? source.node : source.bootstrap.node;
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
    for (const hostSocket of this.#hostSockets.splice(0)) hostSocket.close();
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), this.#drainMs);
    await this.#parts.listeners.drain(deadline.signal, inboundOnly);
    clearTimeout(timer);
  }

  async #close(): Promise<void> {
    this.#ads?.close();
    this.#secrets.close();
    this.#clusterStore.stop();
    this.#configStore.stop();
    await this.#drain();
    this.#parts.clusters.destroy();
    await this.#dns?.close();
    await this.#admin?.close();
    this.#parts.closeLogs();
    this.#onReady();
  }
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
