// State-of-the-world xDS for one type: each request repeats all names, each response of clusters and listeners is the whole truth.
// Resources have no versions of their own here, so their content is hashed to find out what really changed.
import { createHash } from 'node:crypto';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { DiscoveryRequestSchema, DiscoveryResponseSchema } from '#envoy/gen/envoy/service/discovery/v3/discovery_pb.js';
import { askedForByNoName, type TypeUrl, typeUrls } from '#envoy/type-url.ts';
import { wildcardName } from '#xds/ads-service.ts';
import { describeRejections, type Exchange, hold, type RawResource, type Received } from '#xds/client/exchange.ts';
import type { Rejection, Wanted } from '#xds/client/update.ts';
import { readResource } from '#xds/resource-messages.ts';

const invalidArgument = 3;

export class SotwExchange implements Exchange {
  readonly #typeUrl: TypeUrl;
  readonly #held = new Map<string, string>();
  #wanted: Wanted;
  #acceptedVersion = '';
  #lastNonce = '';

  constructor(typeUrl: TypeUrl, wanted: Wanted) {
    this.#typeUrl = typeUrl;
    this.#wanted = wanted;
  }

  open(): Uint8Array | undefined {
    this.#lastNonce = '';
    return this.#wanted !== 'all' && this.#wanted.length === 0 ? undefined : this.#request({});
  }

  want(names: Wanted): Uint8Array | undefined {
    if (sameNames(this.#wanted, names)) return undefined;
    this.#wanted = names;
    if (names !== 'all') for (const name of this.#held.keys()) if (!names.includes(name)) this.#held.delete(name);
    return this.#request({});
  }

  read(response: Uint8Array): Received {
    const { nonce, versionInfo, resources } = fromBinary(DiscoveryResponseSchema, response);
    this.#lastNonce = nonce;
    const changed: RawResource[] = [];
    const present = new Set<string>();
    resources.forEach(({ value }, index) => {
      const name = nameIn(this.#typeUrl, value) ?? `resource ${index}`;
      present.add(name);
      const version = createHash('sha256').update(value).digest('base64url').slice(0, 16);
      if (this.#wants(name) && this.#held.get(name) !== version) changed.push({ name, version, bytes: value });
    });
    const removed = isWholeTruth(this.#typeUrl) ? [...this.#held.keys()].filter((name) => !present.has(name)) : [];
    return { nonce, version: versionInfo, changed, removed };
  }

  settle(received: Received, rejections: readonly Rejection[]): Uint8Array {
    hold(this.#held, received, rejections);
    if (rejections.length > 0) return this.#request({ errorDetail: { code: invalidArgument, message: describeRejections(rejections) } });
    this.#acceptedVersion = received.version;
    return this.#request({});
  }

  #wants(name: string): boolean {
    return this.#wanted === 'all' || this.#wanted.includes(name);
  }

  #request(fields: MessageInitShape<typeof DiscoveryRequestSchema>): Uint8Array {
    const request = create(DiscoveryRequestSchema, {
      ...fields,
      typeUrl: this.#typeUrl,
      versionInfo: this.#acceptedVersion,
      responseNonce: this.#lastNonce,
      resourceNames: this.#namesToAskFor(),
    });
    return toBinary(DiscoveryRequestSchema, request);
  }

  /** "All" is the empty list for clusters, listeners and the name table, which every server understands; other types need the explicit name. */
  #namesToAskFor(): string[] {
    if (this.#wanted !== 'all') return [...this.#wanted];
    return askedForByNoName.has(this.#typeUrl) ? [] : [wildcardName];
  }
}

/** Only in these types does a response that leaves a resource out mean that it is gone. */
function isWholeTruth(typeUrl: TypeUrl): boolean {
  return typeUrl === typeUrls.cluster || typeUrl === typeUrls.listener;
}

/** The name inside the bytes; undefined where they do not decode (the decoding error is reported when the update is read). */
function nameIn(typeUrl: TypeUrl, bytes: Uint8Array): string | undefined {
  try {
    return readResource(typeUrl, bytes).name;
  } catch {
    return undefined;
  }
}

function sameNames(a: Wanted, b: Wanted): boolean {
  if (a === 'all' || b === 'all') return a === b;
  return a.length === b.length && new Set([...a, ...b]).size === a.length;
}
