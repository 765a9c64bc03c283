// The protocol of one resource type on one stream, seen from the client: what to write, and how a response reads.
// Two implementations, delta and state of the world; both outlive the stream, so that a new one can go on where the last one ended.
import type { Rejection, Wanted } from '#xds/client/update.ts';

/** One resource of a response, not decoded yet. */
export type RawResource = { readonly name: string; readonly version: string; readonly bytes: Uint8Array };

/** A response, reduced to what differs from what is held. */
export type Received = {
  readonly nonce: string;
  /** SotW: the version of the whole response. Delta: unused. */
  readonly version: string;
  readonly changed: readonly RawResource[];
  readonly removed: readonly string[];
};

export type Exchange = {
  /**
   * The type's first request on a new stream: everything wanted, and what is held already. Undefined while nothing is wanted: some
   * servers take a first request without names for "everything", whatever the type.
   */
  readonly open: () => Uint8Array | undefined;
  /** The request that tells of other names, or undefined where nothing changed. */
  readonly want: (names: Wanted) => Uint8Array | undefined;
  readonly read: (response: Uint8Array) => Received;
  /** Remembers what was taken and gives the ACK, or with rejections the NACK. */
  readonly settle: (received: Received, rejections: readonly Rejection[]) => Uint8Array;
};

/** Writes down what of `received` is held from now on: all of it but what was rejected. */
export function hold(held: Map<string, string>, received: Received, rejections: readonly Rejection[]): void {
  if (rejections.some(({ resource }) => resource === undefined)) return;
  const rejected = new Set(rejections.map(({ resource }) => resource));
  for (const { name, version } of received.changed) if (!rejected.has(name)) held.set(name, version);
  for (const name of received.removed) if (!rejected.has(name)) held.delete(name);
}

/** The text of a NACK: every rejected resource with its reason. */
export function describeRejections(rejections: readonly Rejection[]): string {
  return rejections.map(({ resource, message }) => (resource === undefined ? message : `${resource}: ${message}`)).join('; ');
}
