// Where the embedded proxy's secrets come from: the bootstrap, the aggregated stream, the proxy's own identity (under Istio's name for it, the cluster
// `sds-grpc`), or an SDS server behind a static cluster. What listeners and clusters name is asked for, and nothing else.
import { create } from '@bufbuild/protobuf';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/logger.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { WorkloadIdentity } from '#ca/client/workload-identity.ts';
import { type NamedSecret, WorkloadSecrets } from '#ca/client/workload-secrets.ts';
import type { ClusterEntry } from '#decide/cluster-entry.ts';
import { secretKey } from '#decide/secret-reference.ts';
import type { SecretReference } from '#decide/tls-entry.ts';
import { type Node, NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { type Secret, SecretSchema } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import { SecretStore } from '#proxy/tls/secret-store.ts';
import type { Rejection } from '#xds/client/update.ts';

/** The cluster by which Istio's configuration names the agent beside a proxy. */
const agentCluster = 'sds-grpc';

export type ProxySecretsOptions = {
  /** The bootstrap's. */
  readonly statics: readonly Secret[];
  /** Answers for the cluster `sds-grpc`, unless the bootstrap has one of that name. */
  readonly identity: WorkloadIdentity | undefined;
  readonly node: Node | undefined;
  readonly staticCluster: (name: string) => ClusterEntry | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
};

/** A stream to one SDS server. */
type Server = { readonly want: (names: readonly string[]) => void; readonly close: () => void };

export class ProxySecrets {
  readonly store: SecretStore;
  readonly #options: ProxySecretsOptions;
  readonly #own: WorkloadSecrets;
  readonly #servers = new Map<string, Promise<Server>>();
  #ownNames: readonly string[] = [];
  #wantFromAds: ((names: readonly string[]) => void) | undefined;
  #adsNames: readonly string[] = [];
  #closed = false;

  constructor(options: ProxySecretsOptions) {
    this.#options = options;
    this.store = new SecretStore(options.statics);
    this.#own = new WorkloadSecrets(options.identity, options.clock);
    this.#own.onChange(() => this.#takeOwn());
  }

  /** Why a secret can never come; undefined: it may. Envoy refuses a configuration that names it, and so do we. */
  problem({ from, cluster, name }: SecretReference): string | undefined {
    switch (from) {
      case 'ads':
        return undefined;
      case 'bootstrap':
        return this.store.all().some((one) => one.from === 'bootstrap' && one.name === name) ? undefined : `unknown static secret ${name}`;
      case 'cluster': {
        if (this.#isOwn(cluster) || this.#options.staticCluster(cluster) !== undefined) return undefined;
        return cluster === agentCluster
          ? `secret ${name} is asked of ${agentCluster}, and this proxy has neither an identity of its own nor a static cluster of that name`
          : `secret ${name} is asked of ${cluster}, which is no static cluster`;
      }
    }
  }

  /** All secrets that are named anywhere, from now on. */
  want(references: readonly SecretReference[]): void {
    this.#adsNames = namesOf(references.filter(({ from }) => from === 'ads'));
    this.#wantFromAds?.(this.#adsNames);
    const asked = references.filter(({ from }) => from === 'cluster');
    this.#ownNames = namesOf(asked.filter(({ cluster }) => this.#isOwn(cluster)));
    this.#takeOwn();
    const servers = Map.groupBy(
      asked.filter(({ cluster }) => !this.#isOwn(cluster)),
      ({ cluster, mode }) => `${mode} ${cluster}`,
    );
    for (const key of this.#servers.keys()) if (!servers.has(key)) servers.set(key, []);
    for (const [key, group] of servers) void this.#wantFromServer(key, group);
  }

  /** How secrets are asked for over the aggregated stream, once there is one. */
  attachAds(want: (names: readonly string[]) => void): void {
    this.#wantFromAds = want;
    want(this.#adsNames);
  }

  /** Takes secrets of the aggregated stream. Names that it says are gone keep what they had, as in Envoy. */
  updateFromAds(updated: Iterable<Secret>): Result<void, readonly Rejection[]> {
    return this.#put({ from: 'ads', cluster: '' }, updated);
  }

  close(): void {
    this.#closed = true;
    this.#own[Symbol.dispose]();
    for (const server of this.#servers.values()) void server.then(({ close }) => close());
    this.#servers.clear();
  }

  #isOwn(cluster: string): boolean {
    const { identity, staticCluster } = this.#options;
    return cluster === agentCluster && identity !== undefined && staticCluster(cluster) === undefined;
  }

  #takeOwn(): void {
    for (const name of this.#ownNames) {
      const secret = this.#own.get(name);
      if (secret === undefined) continue;
      const taken = this.store.put({ from: 'cluster', cluster: agentCluster }, messageOf(name, secret));
      if (!taken.ok) this.#options.logger.log('error', 'secret cannot be used, the one before it stays', { secret: name, reason: taken.error });
    }
  }

  async #wantFromServer(key: string, references: readonly SecretReference[]): Promise<void> {
    const [first] = references;
    const known = this.#servers.get(key) ?? (first === undefined ? undefined : this.#connect(first));
    if (known === undefined || this.#closed) return;
    this.#servers.set(key, known);
    (await known).want(namesOf(references));
  }

  async #connect({ cluster, mode }: SecretReference): Promise<Server> {
    const { logger, clock, node, staticCluster } = this.#options;
    const { AdsClient } = await import('#xds/client/ads-client.ts');
    const target = targetOf(staticCluster(cluster));
    const client = new AdsClient({ target, node: node ?? create(NodeSchema, {}), mode, logger, clock, service: 'secrets' });
    const subscription = client.subscribe(typeUrls.secret, [], ({ updated }) => this.#put({ from: 'cluster', cluster }, updated.values()));
    return { want: (names) => subscription.want(names), close: () => client.close() };
  }

  #put(place: Pick<SecretReference, 'from' | 'cluster'>, secrets: Iterable<Secret>): Result<void, readonly Rejection[]> {
    const rejections: Rejection[] = [];
    for (const message of secrets) {
      const taken = this.store.put(place, message);
      if (!taken.ok) rejections.push({ resource: message.name, message: taken.error });
    }
    return rejections.length === 0 ? ok(undefined) : failed(rejections);
  }
}

function namesOf(references: readonly SecretReference[]): readonly string[] {
  return [...new Map(references.map((reference) => [secretKey(reference), reference.name])).values()].sort();
}

function targetOf(entry: ClusterEntry | undefined): string {
  const [endpoint] = entry?.endpoints ?? [];
  if (endpoint === undefined) return 'unix:/nonexistent';
  const { address, port } = endpoint;
  if (address.startsWith('/')) return `unix:${address}`;
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

function messageOf(name: string, secret: NamedSecret): Secret {
  const bytes = (text: string) => ({ specifier: { case: 'inlineBytes' as const, value: Buffer.from(text) } });
  const type =
    secret.kind === 'certificate'
      ? { case: 'tlsCertificate' as const, value: { certificateChain: bytes(secret.chain), privateKey: bytes(secret.key.reveal()) } }
      : {
          case: 'validationContext' as const,
          value: { trustedCa: bytes(secret.pem), ...(secret.crl === undefined ? {} : { crl: bytes(secret.crl) }) },
        };
  return create(SecretSchema, { name, type });
}
