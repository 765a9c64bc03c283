// One SDS stream: what its client asks for, and what it was sent. A secret that is not there yet is sent when it comes; one that the client refused is
// not sent again until it is another.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { resourcesOf } from '#agent/sds-response.ts';
import type { WorkloadSecrets } from '#ca/client/workload-secrets.ts';
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '#envoy/gen/envoy/service/discovery/v3/discovery_pb.js';
import { typeUrls } from '#envoy/type-url.ts';

export class SecretStream {
  readonly #mode: 'sotw' | 'delta';
  readonly #secrets: WorkloadSecrets;
  readonly #send: (response: Buffer) => void;
  readonly #wanted = new Set<string>();
  /** Name → version. */
  readonly #sent = new Map<string, string>();
  #nonce = 0;

  constructor(mode: 'sotw' | 'delta', secrets: WorkloadSecrets, send: (response: Buffer) => void) {
    this.#mode = mode;
    this.#secrets = secrets;
    this.#send = send;
  }

  /** Takes a request of the stream's kind. Gives what is wrong with bytes that are none. */
  receive(bytes: Uint8Array): string | undefined {
    try {
      if (this.#mode === 'sotw') this.#wantAll(fromBinary(DiscoveryRequestSchema, bytes).resourceNames);
      else this.#wantMore(fromBinary(DeltaDiscoveryRequestSchema, bytes));
    } catch (error) {
      return `not a discovery request: ${error instanceof Error ? error.message : String(error)}`;
    }
    this.refresh();
    return undefined;
  }

  /** Sends what is wanted and has become another. */
  refresh(): void {
    const all = resourcesOf(this.#wanted, this.#secrets);
    const changed = all.filter(({ name, version }) => this.#sent.get(name) !== version);
    if (changed.length === 0) return;
    for (const { name, version } of changed) this.#sent.set(name, version);
    const nonce = String(++this.#nonce);
    const typeUrl = typeUrls.secret;
    const response =
      this.#mode === 'sotw'
        ? toBinary(
            DiscoveryResponseSchema,
            create(DiscoveryResponseSchema, { typeUrl, nonce, versionInfo: nonce, resources: all.map(({ resource }) => resource) }),
          )
        : toBinary(DeltaDiscoveryResponseSchema, create(DeltaDiscoveryResponseSchema, { typeUrl, nonce, resources: [...changed] }));
    this.#send(Buffer.from(response));
  }

  #wantAll(names: readonly string[]): void {
    for (const name of this.#wanted) if (!names.includes(name)) this.#forget(name);
    for (const name of names) this.#wanted.add(name);
  }

  #wantMore({ resourceNamesSubscribe, resourceNamesUnsubscribe, initialResourceVersions }: DeltaDiscoveryRequest): void {
    for (const name of resourceNamesUnsubscribe) this.#forget(name);
    for (const name of resourceNamesSubscribe) this.#wanted.add(name);
    for (const [name, version] of Object.entries(initialResourceVersions)) this.#sent.set(name, version);
  }

  #forget(name: string): void {
    this.#wanted.delete(name);
    this.#sent.delete(name);
  }
}
