// One named xDS resource: the message, its wire bytes (made once, on demand) and the hash of those bytes as its version.
// Immutable: parts that many proxies share are one object, so its bytes are made once for all of them.
import { createHash } from 'node:crypto';
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { toBinary } from '@bufbuild/protobuf';
import type { TypeUrl } from '#envoy/type-url.ts';

export class XdsResource<Schema extends DescMessage = DescMessage> {
  readonly typeUrl: TypeUrl;
  readonly name: string;
  readonly schema: Schema;
  readonly message: MessageShape<Schema>;
  readonly #encode: (() => Uint8Array) | undefined;
  #bytes: Uint8Array | undefined;
  #version: string | undefined;

  /** `encode`: the message's wire form, where there is a faster way to it than by the schema. */
  constructor(typeUrl: TypeUrl, name: string, schema: Schema, message: MessageShape<Schema>, encode?: () => Uint8Array) {
    this.typeUrl = typeUrl;
    this.name = name;
    this.schema = schema;
    this.message = message;
    this.#encode = encode;
  }

  /** The message in protobuf's wire form, without the Any around it. */
  get bytes(): Uint8Array {
    this.#bytes ??= this.#encode === undefined ? toBinary(this.schema, this.message) : this.#encode();
    return this.#bytes;
  }

  /** A hash of the content: equal resources have equal versions, on every control plane and after each restart. */
  get version(): string {
    this.#version ??= createHash('sha256').update(this.bytes).digest('base64url').slice(0, 16);
    return this.#version;
  }
}

/** All resources of one proxy: per type, by name. A type that is not in the map has no resources. */
export type ResourceSet = ReadonlyMap<TypeUrl, ReadonlyMap<string, XdsResource>>;
