// Who has what: for every node and type what was sent, taken and refused, when and why. Written by the streams, read by the
// control plane and the admin API. A node that left is remembered for a while, so that a crash can still be looked at.
import type { Clock } from '#base/clock.ts';
import type { TypeUrl } from '#envoy/type-url.ts';
import type { XdsMode } from '#xds/ads-service.ts';

/** A version and when it was sent or answered, in milliseconds since the epoch. */
export type Stamp = { readonly version: string; readonly atMs: number };

/** A response that the client refused. `resources` are the names it is about, as far as the text tells. */
export type Refusal = Stamp & { readonly error: string; readonly resources: readonly string[] };

export type TypeSync = {
  readonly typeUrl: TypeUrl;
  /** `rejected`: some content in force on the server is refused, and the client runs on what it took before. */
  readonly state: 'synced' | 'pending' | 'rejected';
  readonly sent?: Stamp;
  readonly acked?: Stamp;
  /** The last refusal, also after it was mended; `rejected` says whether it still stands. */
  readonly nacked?: Refusal;
  /** Responses sent and refused since the stream began. */
  readonly pushes: number;
  readonly nacks: number;
  /** Resources that the client has. */
  readonly resources: number;
  /** Names whose present content is refused. */
  readonly rejected: readonly string[];
};

export type NodeSync = {
  readonly nodeId: string;
  readonly mode: XdsMode;
  readonly connected: boolean;
  readonly connectedAtMs: number;
  readonly disconnectedAtMs?: number;
  readonly types: ReadonlyMap<TypeUrl, TypeSync>;
};

/** A refusal as it happens. */
export type NackEvent = Refusal & { readonly nodeId: string; readonly typeUrl: TypeUrl };

/** What everybody but the streams may do with the ledger. */
export type LedgerView = {
  readonly nodes: () => readonly NodeSync[];
  readonly node: (nodeId: string) => NodeSync | undefined;
  /** A change is on its way to the nodes, and not all of them have been told: what is recorded of the others is of before. */
  readonly isTelling: boolean;
  /** Calls `listener` after each change of a node's record; the returned function ends that. */
  readonly onChange: (listener: (node: NodeSync) => void) => () => void;
  readonly onNack: (listener: (event: NackEvent) => void) => () => void;
};

const rememberedAfterLeaving = 100;

type Record = { nodeId: string; mode: XdsMode; stream: object; connectedAtMs: number; disconnectedAtMs?: number; types: Map<TypeUrl, TypeSync> };

export class Ledger implements LedgerView {
  isTelling = false;
  readonly #clock: Clock;
  readonly #records = new Map<string, Record>();
  readonly #changeListeners = new Set<(node: NodeSync) => void>();
  readonly #nackListeners = new Set<(event: NackEvent) => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  nodes(): readonly NodeSync[] {
    return [...this.#records.values()].map(view);
  }

  node(nodeId: string): NodeSync | undefined {
    const record = this.#records.get(nodeId);
    return record === undefined ? undefined : view(record);
  }

  onChange(listener: (node: NodeSync) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  onNack(listener: (event: NackEvent) => void): () => void {
    this.#nackListeners.add(listener);
    return () => this.#nackListeners.delete(listener);
  }

  /** A stream begins. It takes the record over from an older stream of the same node. */
  connected(stream: object, nodeId: string, mode: XdsMode): void {
    this.#records.delete(nodeId);
    const record: Record = { nodeId, mode, stream, connectedAtMs: this.#clock.nowMs(), types: new Map() };
    this.#records.set(nodeId, record);
    this.#changed(record);
  }

  disconnected(stream: object, nodeId: string): void {
    const record = this.#records.get(nodeId);
    if (record?.stream !== stream) return;
    record.disconnectedAtMs = this.#clock.nowMs();
    this.#forgetOldest();
    this.#changed(record);
  }

  sent(stream: object, nodeId: string, typeUrl: TypeUrl, version: string): void {
    this.#update(stream, nodeId, typeUrl, (type) => ({ ...type, state: 'pending', sent: this.#stamp(version), pushes: type.pushes + 1 }));
  }

  /** `held` and `rejected` are what the stream believes after the answer. */
  acked(stream: object, nodeId: string, typeUrl: TypeUrl, version: string, held: number, rejected: readonly string[]): void {
    this.#update(stream, nodeId, typeUrl, (type) => ({
      ...type,
      state: rejected.length > 0 ? 'rejected' : 'synced',
      acked: this.#stamp(version),
      resources: held,
      rejected,
    }));
  }

  /** The content has changed since it was refused: `rejected` is what still is. */
  reviewed(stream: object, nodeId: string, typeUrl: TypeUrl, rejected: readonly string[]): void {
    const type = this.#records.get(nodeId)?.types.get(typeUrl);
    if (type === undefined || type.rejected.length === rejected.length) return;
    const state = type.state === 'rejected' && rejected.length === 0 ? 'synced' : type.state;
    this.#update(stream, nodeId, typeUrl, (before) => ({ ...before, state, rejected }));
  }

  /** The client came back and has all of `version` already: nothing is sent. */
  resumed(stream: object, nodeId: string, typeUrl: TypeUrl, version: string, held: number): void {
    this.#update(stream, nodeId, typeUrl, (type) => ({ ...type, state: 'synced', acked: this.#stamp(version), resources: held }));
  }

  nacked(stream: object, nodeId: string, typeUrl: TypeUrl, refusal: Omit<Refusal, 'atMs'>, rejected: readonly string[]): void {
    const nacked: Refusal = { ...refusal, atMs: this.#clock.nowMs() };
    this.#update(stream, nodeId, typeUrl, (type) => ({ ...type, state: 'rejected', nacked, nacks: type.nacks + 1, rejected }));
    if (this.#records.get(nodeId)?.stream !== stream) return;
    for (const listener of this.#nackListeners) listener({ ...nacked, nodeId, typeUrl });
  }

  #stamp(version: string): Stamp {
    return { version, atMs: this.#clock.nowMs() };
  }

  #update(stream: object, nodeId: string, typeUrl: TypeUrl, change: (type: TypeSync) => TypeSync): void {
    const record = this.#records.get(nodeId);
    if (record?.stream !== stream) return;
    const before = record.types.get(typeUrl) ?? { typeUrl, state: 'pending', pushes: 0, nacks: 0, resources: 0, rejected: [] };
    record.types.set(typeUrl, change(before));
    this.#changed(record);
  }

  #changed(record: Record): void {
    if (this.#changeListeners.size === 0) return;
    const node = view(record);
    for (const listener of this.#changeListeners) listener(node);
  }

  #forgetOldest(): void {
    const left = [...this.#records.values()].filter(({ disconnectedAtMs }) => disconnectedAtMs !== undefined);
    left.sort((a, b) => (a.disconnectedAtMs ?? 0) - (b.disconnectedAtMs ?? 0));
    for (const { nodeId } of left.slice(0, Math.max(0, left.length - rememberedAfterLeaving))) this.#records.delete(nodeId);
  }
}

function view(record: Record): NodeSync {
  return {
    nodeId: record.nodeId,
    mode: record.mode,
    connected: record.disconnectedAtMs === undefined,
    connectedAtMs: record.connectedAtMs,
    ...(record.disconnectedAtMs === undefined ? {} : { disconnectedAtMs: record.disconnectedAtMs }),
    types: new Map(record.types),
  };
}
