// Applies what clients say, in either protocol, to the state of a type. Gives what the request settled, if it was an answer.
import type { DeltaDiscoveryRequest, DiscoveryRequest } from '#envoy/gen/envoy/service/discovery/v3/discovery_pb.js';
import type { Push } from '#xds/server/framing.ts';
import type { Resources, TypeState } from '#xds/server/type-state.ts';

/** How a request answered the response under way. */
export type Answer =
  | { readonly kind: 'none' }
  | { readonly kind: 'ack'; readonly push: Push }
  | { readonly kind: 'nack'; readonly push: Push; readonly error: string; readonly resources: readonly string[] };

const none: Answer = { kind: 'none' };

/** The first request for a type on a state-of-the-world stream. */
export function beginSotw(state: TypeState, request: DiscoveryRequest, desired: Resources): void {
  state.interest.begin(request.resourceNames);
  const hasItAll = request.versionInfo !== '' && state.resumeSotw(request.versionInfo, desired);
  if (!hasItAll) state.owe(state.interest.names);
}

/**
 * A later request: the answer to a response, other names, or both. The first request with a response's nonce is its answer; any
 * further one with the same names asks again, as Envoy does for endpoints when it warms a cluster anew, and must get a response.
 */
export function continueSotw(state: TypeState, request: DiscoveryRequest): Answer {
  const push = state.inFlight;
  // A request that crossed our newest response on the wire; its answer will repeat the names (xDS protocol, "Resource updates").
  if (push !== undefined && request.responseNonce !== push.nonce) return none;
  const namesBefore = state.interest.names.size;
  const added = state.interest.replace(request.resourceNames);
  const asksAgain = push === undefined && added.length === 0 && state.interest.names.size === namesBefore;
  state.interestChanged();
  state.owe(asksAgain ? state.interest.names : added);
  if (asksAgain && state.interest.wildcard) state.oweAnswer();
  return push === undefined ? none : settle(state, push, request.errorDetail?.message, request.errorDetail !== undefined);
}

/** The first request for a type on a delta stream. */
export function beginDelta(state: TypeState, request: DeltaDiscoveryRequest): void {
  state.interest.begin(request.resourceNamesSubscribe);
  state.resumeDelta(request.initialResourceVersions);
  state.interest.remove(request.resourceNamesUnsubscribe);
  state.interestChanged();
}

/** A later request: names added and taken away count in any case, the rest only with the nonce of the response under way. */
export function continueDelta(state: TypeState, request: DeltaDiscoveryRequest): Answer {
  state.interest.remove(request.resourceNamesUnsubscribe);
  state.interest.add(request.resourceNamesSubscribe);
  state.interestChanged();
  const push = state.inFlight;
  const answer =
    push !== undefined && request.responseNonce === push.nonce
      ? settle(state, push, request.errorDetail?.message, request.errorDetail !== undefined)
      : none;
  // Whoever subscribes anew may have forgotten what it had, so each name is answered (xDS protocol, "Subscribing to resources").
  state.owe(request.resourceNamesSubscribe);
  // A name given up beside the wildcard: the client does not know whether the wildcard still gives it.
  if (state.interest.wildcard) state.owe(request.resourceNamesUnsubscribe);
  return answer;
}

function settle(state: TypeState, push: Push, error: string | undefined, refused: boolean): Answer {
  if (!refused) {
    state.acknowledged();
    return { kind: 'ack', push };
  }
  const reason = error === undefined || error === '' ? 'the client gave no reason' : error;
  return { kind: 'nack', push, error: reason, resources: state.refused(reason) };
}
