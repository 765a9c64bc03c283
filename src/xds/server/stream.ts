// One client's stream: takes requests, keeps the state of each type, and sends what is due, in the order that never breaks traffic:
// clusters, endpoints, listeners, routes, secrets; and clusters that are gone only when nothing the client runs can name them any more.
import { isMessage } from '@bufbuild/protobuf';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/logger.ts';
import { Cluster_DiscoveryType, ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { ResourceSet, XdsResource } from '#envoy/resource.ts';
import { pushOrder, type TypeUrl, typeUrls } from '#envoy/type-url.ts';
import type { XdsMode } from '#xds/ads-service.ts';
import { shortTypeName } from '#xds/resource-messages.ts';
import type { Push } from '#xds/server/framing.ts';
import type { Ledger } from '#xds/server/ledger.ts';
import type { Answer } from '#xds/server/request.ts';
import { type Resources, type Selection, TypeState } from '#xds/server/type-state.ts';

export type StreamOptions = {
  readonly nodeId: string;
  readonly mode: XdsMode;
  readonly ledger: Ledger;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Writes one response; false where the client is slow, and `resume` is to be called when it has caught up. */
  readonly send: (push: Push) => boolean;
};

/** Longer than a cluster with known endpoints needs; shorter than a user who waits for a route. */
const clusterPatienceMs = 2_000;

const nothing: Resources = new Map();

export class NodeStream {
  readonly #options: StreamOptions;
  readonly #types = new Map<TypeUrl, TypeState>();
  #desired: ResourceSet;
  #nonce = 0;
  #writable = true;
  #isRecorded = false;
  /** Set while clusters that were sent are given time to get ready. */
  #cancelPatience: (() => void) | undefined;

  constructor(options: StreamOptions, desired: ResourceSet) {
    this.#options = options;
    this.#desired = desired;
  }

  /** The newest state. Whatever was not sent of the one before is skipped. */
  desire(desired: ResourceSet): void {
    this.#desired = desired;
    this.#pump();
    this.#reviewRefusals();
  }

  /** A request for one type: `begin` for the type's first on this stream, `proceed` for each later one. */
  receive(typeUrl: TypeUrl, begin: (state: TypeState, desired: Resources) => void, proceed: (state: TypeState) => Answer): void {
    const known = this.#types.get(typeUrl);
    if (known === undefined) {
      this.#recordNode(typeUrl);
      const state = new TypeState(typeUrl, this.#options.mode);
      this.#types.set(typeUrl, state);
      const desired = this.#resources(typeUrl);
      begin(state, desired);
      const hasItAll = state.select(desired, () => false) === undefined;
      if (hasItAll) this.#options.ledger.resumed(this, this.#options.nodeId, typeUrl, state.versionOf(desired), state.heldCount);
    } else {
      this.#record(known, proceed(known));
    }
    this.#pump();
  }

  /** A stream that asks for the name table alone is not the node's own: it is that of the agent beside an Envoy. */
  #recordNode(asked: TypeUrl): void {
    if (this.#isRecorded || asked === typeUrls.nameTable) return;
    this.#isRecorded = true;
    const { ledger, nodeId, mode } = this.#options;
    ledger.connected(this, nodeId, mode);
  }

  /** The client has read what lay in the way. */
  resume(): void {
    this.#writable = true;
    this.#pump();
  }

  end(): void {
    this.#writable = false;
    this.#endPatience();
    this.#options.ledger.disconnected(this, this.#options.nodeId);
  }

  #resources(typeUrl: TypeUrl): Resources {
    return this.#desired.get(typeUrl) ?? nothing;
  }

  /**
   * Sends what is due. A type whose last response is not answered waits, and gets whatever is newest then. Listeners and routes also
   * wait for the clusters they may name. Endpoints never wait for clusters: Envoy answers a cluster update only when the new clusters
   * have their endpoints and are fit for use.
   */
  #pump(): void {
    for (const typeUrl of pushOrder) {
      if (!this.#writable) return;
      const state = this.#types.get(typeUrl);
      if (state === undefined || state.inFlight !== undefined) continue;
      if (namesClusters(typeUrl) && this.#clustersOnTheWay()) continue;
      const selection = state.select(this.#resources(typeUrl), () => this.#keepsRemoved(typeUrl));
      if (selection !== undefined) this.#send(state, selection);
    }
  }

  /** True while clusters are unsent, or sent and not yet in use; the latter not for ever, lest one bad cluster hold up all routes. */
  #clustersOnTheWay(): boolean {
    const state = this.#types.get(typeUrls.cluster);
    if (state?.inFlight === undefined) return false;
    return this.#cancelPatience !== undefined || state.select(this.#resources(typeUrls.cluster), () => true) !== undefined;
  }

  #send(state: TypeState, selection: Selection): void {
    this.#nonce += 1;
    const push: Push = { ...selection, typeUrl: state.typeUrl, nonce: String(this.#nonce) };
    if (state.typeUrl === typeUrls.cluster) this.#beginClusters(push.resources.filter((resource) => !state.holds(resource)));
    state.sent(push);
    this.#options.ledger.sent(this, this.#options.nodeId, state.typeUrl, push.version);
    this.#writable = this.#options.send(push);
  }

  /** Make before break: what is gone stays with the client for as long as something it runs may still name it. */
  #keepsRemoved(typeUrl: TypeUrl): boolean {
    const mayRunOld = (other: TypeUrl) => {
      const state = this.#types.get(other);
      if (state === undefined) return false;
      const desired = this.#resources(other);
      return state.inFlight !== undefined || state.select(desired, () => false) !== undefined || state.rejectedNames(desired).length > 0;
    };
    if (typeUrl === typeUrls.cluster) return mayRunOld(typeUrls.listener) || mayRunOld(typeUrls.route);
    // Endpoints go when their cluster has gone, which ends the subscription to them anyway.
    if (typeUrl === typeUrls.endpoint) return mayRunOld(typeUrls.listener) || mayRunOld(typeUrls.route) || mayRunOld(typeUrls.cluster);
    return false;
  }

  /** New and changed clusters are about to be sent: their endpoints follow, and routes give them some time to get ready. */
  #beginClusters(changed: readonly XdsResource[]): void {
    this.#oweEndpoints(changed);
    if (changed.length === 0) return;
    this.#cancelPatience = this.#options.clock.after(clusterPatienceMs, () => {
      this.#cancelPatience = undefined;
      this.#pump();
    });
  }

  #endPatience(): void {
    this.#cancelPatience?.();
    this.#cancelPatience = undefined;
  }

  /**
   * A cluster that changes is warmed anew, and waits for endpoints even if they are the same as before; Envoy asks for them again
   * only in some versions and modes. So they follow each changed cluster.
   */
  #oweEndpoints(clusters: readonly XdsResource[]): void {
    const endpoints = this.#types.get(typeUrls.endpoint);
    if (endpoints === undefined) return;
    const names = clusters.flatMap(({ message }) => {
      if (!isMessage(message, ClusterSchema)) return [];
      const { case: kind, value } = message.clusterDiscoveryType;
      if (kind !== 'type' || value !== Cluster_DiscoveryType.EDS) return [];
      return [message.edsClusterConfig?.serviceName || message.name];
    });
    endpoints.owe(names.filter((name) => endpoints.interest.has(name)));
  }

  /** Content that was refused may be gone without anything to send: whoever goes back to what the client has, has mended it. */
  #reviewRefusals(): void {
    const { ledger, nodeId } = this.#options;
    for (const [typeUrl, state] of this.#types) {
      if (state.wasRefused) ledger.reviewed(this, nodeId, typeUrl, state.rejectedNames(this.#resources(typeUrl)));
    }
  }

  #record(state: TypeState, answer: Answer): void {
    if (answer.kind !== 'none' && state.typeUrl === typeUrls.cluster) this.#endPatience();
    const { ledger, logger, nodeId } = this.#options;
    const rejected = () => state.rejectedNames(this.#resources(state.typeUrl));
    switch (answer.kind) {
      case 'none':
        return;
      case 'ack':
        ledger.acked(this, nodeId, state.typeUrl, answer.push.version, state.heldCount, rejected());
        return;
      case 'nack': {
        const { error, resources, push } = answer;
        logger.log('warn', 'xDS update refused', { node: nodeId, type: shortTypeName(state.typeUrl), resources: resources.join(','), reason: error });
        ledger.nacked(this, nodeId, state.typeUrl, { version: push.version, error, resources }, rejected());
        return;
      }
    }
  }
}

function namesClusters(typeUrl: TypeUrl): boolean {
  return typeUrl === typeUrls.listener || typeUrl === typeUrls.route;
}
