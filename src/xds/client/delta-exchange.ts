// Delta xDS for one type: names are added and taken away, resources carry versions of their own, and a reconnecting client says
// which ones it has, so that only what changed in between is sent.
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { DeltaDiscoveryRequestSchema, DeltaDiscoveryResponseSchema } from '#envoy/gen/envoy/service/discovery/v3/discovery_pb.js';
import type { TypeUrl } from '#envoy/type-url.ts';
import { wildcardName } from '#xds/ads-service.ts';
import { describeRejections, type Exchange, hold, type RawResource, type Received } from '#xds/client/exchange.ts';
import type { Rejection, Wanted } from '#xds/client/update.ts';

const invalidArgument = 3;

export class DeltaExchange implements Exchange {
  readonly #typeUrl: TypeUrl;
  readonly #held = new Map<string, string>();
  #wanted: ReadonlySet<string>;

  constructor(typeUrl: TypeUrl, wanted: Wanted) {
    this.#typeUrl = typeUrl;
    this.#wanted = namesOf(wanted);
  }

  open(): Uint8Array | undefined {
    if (this.#wanted.size === 0) return undefined;
    const held = this.#wanted.has(wildcardName) ? [...this.#held] : [...this.#held].filter(([name]) => this.#wanted.has(name));
    return this.#request({ resourceNamesSubscribe: [...this.#wanted], initialResourceVersions: Object.fromEntries(held) });
  }

  want(names: Wanted): Uint8Array | undefined {
    const next = namesOf(names);
    const added = [...next].filter((name) => !this.#wanted.has(name));
    const gone = [...this.#wanted].filter((name) => !next.has(name));
    this.#wanted = next;
    for (const name of this.#held.keys()) if (!this.#wants(name)) this.#held.delete(name);
    if (added.length === 0 && gone.length === 0) return undefined;
    return this.#request({ resourceNamesSubscribe: added, resourceNamesUnsubscribe: gone });
  }

  read(response: Uint8Array): Received {
    const { nonce, resources, removedResources } = fromBinary(DeltaDiscoveryResponseSchema, response);
    const changed: RawResource[] = [];
    for (const { name, version, resource } of resources) {
      if (resource === undefined || !this.#wants(name) || this.#held.get(name) === version) continue;
      changed.push({ name, version, bytes: resource.value });
    }
    return { nonce, version: '', changed, removed: removedResources.filter((name) => this.#wants(name)) };
  }

  settle(received: Received, rejections: readonly Rejection[]): Uint8Array {
    hold(this.#held, received, rejections);
    if (rejections.length === 0) return this.#request({ responseNonce: received.nonce });
    return this.#request({ responseNonce: received.nonce, errorDetail: { code: invalidArgument, message: describeRejections(rejections) } });
  }

  #wants(name: string): boolean {
    return this.#wanted.has(wildcardName) || this.#wanted.has(name);
  }

  #request(fields: MessageInitShape<typeof DeltaDiscoveryRequestSchema>): Uint8Array {
    return toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, { ...fields, typeUrl: this.#typeUrl }));
  }
}

function namesOf(wanted: Wanted): ReadonlySet<string> {
  return new Set(wanted === 'all' ? [wildcardName] : wanted);
}
