// WorkloadEntries of proxies that ask to be registered: a node that names a WorkloadGroup (metadata AUTO_REGISTER_GROUP) in, an entry made of the
// group's template out, for as long as the node is connected and ten seconds more, unless it said before that it is not well. Where the node probes its
// app, the entry has what it says of its health. Entries live in memory, beside what users wrote; one that a user wrote under the same name counts.
// Source: Istio, pilot/pkg/autoregistration.
import { create, type JsonObject } from '@bufbuild/protobuf';
import type { KindMap } from '#api/kinds.ts';
import { madeResource } from '#api/made-resource.ts';
import type { Clock } from '#base/clock.ts';
import { isObject } from '#base/object.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { type Node, NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import type { ResourceSet } from '#envoy/resource.ts';
import { healthCheckAnnotation } from '#model/build/workload-entry.ts';
import { formatLocality } from '#model/locality.ts';
import type { Proxy } from '#model/proxy.ts';
import { proxyFromNode } from '#model/proxy-from-node.ts';
import { SnapshotListeners } from '#sources/listeners.ts';
import { MemorySource } from '#sources/memory/memory-source.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';
import type { Snapshot, SnapshotSource } from '#sources/snapshot.ts';
import type { NodeHealth, NodeSource } from '#xds/node-source.ts';
import type { LedgerView } from '#xds/server/ledger.ts';

type WorkloadEntry = KindMap['WorkloadEntry'];
type WorkloadGroup = KindMap['WorkloadGroup'];

/** So that a proxy that starts anew, or changes its control plane, is not taken out of its services (Istio: PILOT_WORKLOAD_ENTRY_GRACE_PERIOD). */
const graceMs = 10_000;
const groupKey = 'AUTO_REGISTER_GROUP';
const longestName = 253;
const mostEarly = 1_000;

/**
 * `name`: `namespace/name` of the node. `cancelEnd`: it has left, and is waited for. `isKnown`: who it is was proved. `isUnwell`: as it said last, so that
 * nobody calls it.
 */
type Registration = {
  readonly entry: WorkloadEntry;
  readonly id: string;
  readonly name: string;
  readonly isKnown: boolean;
  isUnwell: boolean;
  isConnected: boolean;
  cancelEnd: (() => void) | undefined;
};

export class WorkloadRegistry implements Disposable {
  readonly #files: SnapshotSource;
  readonly #entries = new MemorySource();
  readonly #clock: Clock;
  readonly #byNode = new Map<string, Registration>();
  /** Nodes with the labels of their entries; the same object for the same node, by which what was compiled for it is known. */
  readonly #labelled = new WeakMap<Node, { readonly entry: WorkloadEntry; readonly node: Node }>();
  /** What was said by nodes that are not registered yet. */
  readonly #early = new Map<string, NodeHealth>();
  readonly #listeners = new SnapshotListeners();
  readonly #ends: (() => void)[];
  #snapshot: Snapshot;
  #merges = false;

  constructor(files: SnapshotSource, clock: Clock) {
    this.#files = files;
    this.#clock = clock;
    this.#snapshot = files.current();
    const update = (): void => this.#update();
    this.#ends = [files.onChange(update), this.#entries.onChange(update)];
  }

  /** What users wrote, and the entries of whoever is connected. Both stay somebody else's to close. */
  readonly source: SnapshotSource = {
    current: () => this.#snapshot,
    onChange: (listener) => this.#listeners.add(listener),
    [Symbol.asyncDispose]: async () => {},
  };

  /** `nodes`, after the node was registered where it asks for it. A group that is not there refuses the node, as in Istio. */
  serving(nodes: NodeSource): NodeSource {
    return {
      onChange: (listener) => nodes.onChange(listener),
      resourcesFor: (node): Result<ResourceSet, string> => {
        if (typeof node.metadata?.[groupKey] !== 'string' || node.metadata[groupKey] === '') return nodes.resourcesFor(node);
        const isNew = !this.#byNode.has(node.id);
        const entry = this.#register(node, node.metadata[groupKey]);
        if (!entry.ok) return entry;
        const given = nodes.resourcesFor(this.#labelledNode(node, entry.value));
        if (!given.ok && isNew) this.#unregister(node.id);
        return given;
      },
      health: (node, health) => this.#report(node, health),
    };
  }

  /** Ends registrations of those who left, by what the ledger says of connections. */
  follow(ledger: Pick<LedgerView, 'onChange'>): void {
    const end = ledger.onChange(({ nodeId, connected }) => {
      const registration = this.#byNode.get(nodeId);
      if (registration === undefined) return;
      registration.cancelEnd?.();
      registration.cancelEnd = undefined;
      registration.isConnected = connected;
      if (connected) return;
      // Who said that it is not well is in no service any more, and has nothing to lose; so does whoever leaves in order. Istio waits for these, too.
      if (registration.isUnwell) this.#unregister(nodeId);
      else registration.cancelEnd = this.#clock.after(graceMs, () => this.#unregister(nodeId));
    });
    this.#ends.push(end);
  }

  [Symbol.dispose](): void {
    for (const end of this.#ends) end();
    for (const { cancelEnd } of this.#byNode.values()) cancelEnd?.();
    this.#byNode.clear();
    this.#listeners.clear();
  }

  /** As long as nobody has registered, what is handed on is what came in: then this costs nothing. */
  #update(): void {
    const files = this.#files.current();
    const entries = this.#entries.current();
    this.#merges ||= entries.resources.WorkloadEntry.size > 0;
    // What a user wrote is later in the list, and counts before an entry of the same name.
    const all = () => [entries, files].flatMap(({ resources }) => Object.values(resources).flatMap((ofKind) => [...ofKind.values()]));
    this.#snapshot = this.#merges ? nextSnapshot(this.#snapshot, all(), files.diagnostics) : files;
    this.#listeners.tell(this.#snapshot);
  }

  #register(node: Node, groupName: string): Result<WorkloadEntry, string> {
    const known = this.#byNode.get(node.id);
    if (known !== undefined) return ok(known.entry);
    const proxy = proxyFromNode(node.id, node.metadata ?? {}, node.locality);
    if (!proxy.ok) return proxy;
    const group = this.#files.current().resources.WorkloadGroup.get(`${proxy.value.namespace}/${groupName}`);
    if (group === undefined)
      return failed(`node '${node.id}': there is no WorkloadGroup ${proxy.value.namespace}/${groupName}, which its ${groupKey} names`);
    const account = group.spec.template.serviceAccount ?? '';
    const own = proxy.value.serviceAccount ?? account;
    if (account !== '' && own !== account) {
      return failed(
        `node '${node.id}': its service account is ${own}, and that of WorkloadGroup ${proxy.value.namespace}/${groupName} is ${account}`,
      );
    }
    const name = `${proxy.value.namespace}/${proxy.value.name}`;
    if (isMember(node) && this.#isTaken(name)) return failed(`node '${node.id}': there is a workload ${name} already`);
    const entry = entryOf(group, proxy.value, probesItsApp(node));
    const id = `WorkloadEntry/${entry.metadata.namespace}/${entry.metadata.name}`;
    const health = this.#early.get(node.id);
    const isUnwell = health?.well === false;
    this.#byNode.set(node.id, { entry, id, name, isKnown: isKnown(node), isUnwell, isConnected: true, cancelEnd: undefined });
    this.#entries.upsert(withHealth(entry, health));
    this.#early.delete(node.id);
    return ok(entry);
  }

  /** Whoever comes without a proof says nothing about a node that has one. A stream of its own may be sooner than that of its Envoy. */
  #report(node: Node, health: NodeHealth): void {
    const registration = this.#byNode.get(node.id);
    if (registration === undefined) {
      if (typeof node.metadata?.[groupKey] !== 'string') return;
      this.#early.delete(node.id);
      this.#early.set(node.id, health);
      const [oldest] = this.#early.keys();
      if (this.#early.size > mostEarly && oldest !== undefined) this.#early.delete(oldest);
    } else if (isKnown(node) || !registration.isKnown) {
      registration.isUnwell = !health.well;
      this.#entries.upsert(withHealth(registration.entry, health));
    }
  }

  /** A pod has the name, or somebody else who is here. */
  #isTaken(name: string): boolean {
    return this.#files.current().resources.Pod.has(name) || [...this.#byNode.values()].some((one) => one.isConnected && one.name === name);
  }

  #unregister(nodeId: string): void {
    const registration = this.#byNode.get(nodeId);
    if (registration === undefined) return;
    this.#byNode.delete(nodeId);
    // Two proxies of one group at one address have one entry.
    if (![...this.#byNode.values()].some(({ id }) => id === registration.id)) this.#entries.remove(registration.id);
  }

  /** Its entry says what labels it has, as selectors of policies and Sidecars read them. */
  #labelledNode(node: Node, entry: WorkloadEntry): Node {
    const known = this.#labelled.get(node);
    if (known?.entry === entry) return known.node;
    const metadata: JsonObject = { ...node.metadata, LABELS: { ...entry.spec.labels } };
    const labelled = create(NodeSchema, { ...node, metadata });
    this.#labelled.set(node, { entry, node: labelled });
    return labelled;
  }
}

/** What the node says of itself counts before the group's metadata, and that before its template. Source: Istio, workloadEntryFromGroup. */
function entryOf({ spec, metadata, origins }: WorkloadGroup, proxy: Proxy, isProbed: boolean): WorkloadEntry {
  const [address = ''] = proxy.addresses;
  const network = textOf(proxy.metadata?.['NETWORK']) ?? textOf(spec.template.network);
  const locality = proxy.locality === undefined ? spec.template.locality : formatLocality(proxy.locality);
  const labels = { ...spec.template.labels, ...spec.metadata?.labels, ...proxy.labels };
  const parts = [metadata.name, address.replaceAll(':', '-'), ...(proxy.metadata?.['NETWORK'] === undefined ? [] : [proxy.metadata['NETWORK']])];
  const annotations = {
    'istio.io/autoRegistrationGroup': metadata.name,
    ...spec.metadata?.annotations,
    ...(isProbed && { [healthCheckAnnotation]: 'true' }),
  };
  return madeResource(
    'WorkloadEntry',
    { name: parts.join('-').slice(-longestName), namespace: proxy.namespace, labels, annotations },
    {
      spec: {
        ...spec.template,
        address,
        labels,
        ...(network !== undefined && { network }),
        ...(locality !== undefined && { locality }),
      },
    },
    origins.start,
  );
}

function textOf(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

/** Node metadata PROXY_CONFIG: the ProxyConfig that its agent was started with. */
function probesItsApp({ metadata }: Node): boolean {
  const config = metadata?.['PROXY_CONFIG'];
  return isObject(config) && isObject(config['readinessProbe']);
}

/** Came in by a token for its group, under a name that it chose (ca/server/node-fit.ts). */
function isMember({ metadata }: Node): boolean {
  return metadata?.['HEDDLE_MEMBER'] === 'true';
}

function isKnown({ metadata }: Node): boolean {
  return metadata?.['HEDDLE_SECRETS'] !== 'none';
}

/** Source: Istio, transformHealthEvent. */
function withHealth(entry: WorkloadEntry, health: NodeHealth | undefined): WorkloadEntry {
  if (health === undefined) return entry;
  const condition = { type: 'Healthy', status: health.well ? 'True' : 'False', ...(!health.well && { message: health.reason }) };
  return Object.freeze({ ...entry, status: { conditions: [condition] } });
}
