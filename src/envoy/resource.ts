// One named xDS resource: the message, its wire bytes and the hash of those bytes as its version, each made once, on demand.
// Immutable: parts that many proxies share are one object, so its bytes are made once for all of them.
import { hash } from 'node:crypto';
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { encode } from '#envoy/encode.ts';
import type { TypeUrl } from '#envoy/type-url.ts';

export class XdsResource<Schema extends DescMessage = DescMessage> {
  readonly typeUrl: TypeUrl;
  readonly name: string;
  readonly schema: Schema;
  #make: (() => MessageShape<Schema>) | undefined;
  #message: MessageShape<Schema> | undefined;
  readonly #encode: (() => Uint8Array) | undefined;
  #bytes: Uint8Array | undefined;
  #version: string | undefined;

  /**
   * `message`: itself, or how to make it once somebody asks. `encode`: the message's wire form, where there is a faster way to it than by the
   * schema.
   */
  constructor(
    typeUrl: TypeUrl,
    name: string,
    schema: Schema,
    message: MessageShape<Schema> | (() => MessageShape<Schema>),
    encode?: () => Uint8Array,
  ) {
    this.typeUrl = typeUrl;
    this.name = name;
    this.schema = schema;
    if (typeof message === 'function') this.#make = message;
    else this.#message = message;
    this.#encode = encode;
  }

  get message(): MessageShape<Schema> {
    const made = this.#message ?? this.#make?.();
    if (made === undefined) throw new Error(`${this.name} has no message`);
    this.#message = made;
    this.#make = undefined;
    return made;
  }

  /** The message in protobuf's wire form, without the Any around it. */
  get bytes(): Uint8Array {
    this.#bytes ??= this.#encode === undefined ? encode(this.schema, this.message) : this.#encode();
    return this.#bytes;
  }

  /** A hash of the content: equal resources have equal versions, on every control plane and after each restart. */
  get version(): string {
    this.#version ??= hash('sha256', this.bytes, 'base64url').slice(0, 16);
    return this.#version;
  }
}

/** All resources of one proxy: per type, by name. A type that is not in the map has no resources. */
export type ResourceSet = ReadonlyMap<TypeUrl, ReadonlyMap<string, XdsResource>>;
