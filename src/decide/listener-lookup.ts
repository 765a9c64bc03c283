// Which listener takes a connection: the one bound where it was accepted, and from there, with use_original_dst, the one for its destination.
import type { Config } from '#decide/config.ts';
import type { Call } from '#decide/decision.ts';
import type { ListenerEntry } from '#decide/listener-entry.ts';
import type { Trace } from '#decide/trace.ts';

/** Undefined: the connection would be refused. */
export function findListener(config: Config, call: Call, trace?: Trace): ListenerEntry | undefined {
  const { destinationAddress: address, destinationPort: port } = call.connection;
  const accepted = call.acceptedOn ?? { address, port };
  const bound = listenerAt(config.listeners.values(), accepted.address, accepted.port, ({ bindToPort }) => bindToPort);
  if (bound === undefined) {
    trace?.add({ stage: 'listener', name: `${accepted.address}:${accepted.port}`, outcome: 'rejected', because: 'no listener is bound there' });
    return undefined;
  }
  const handed = handedTo(bound, config.listeners.values(), address, port);
  const listener = handed ?? bound;
  const how = handed === undefined ? `bound to ${bound.address}:${bound.port}` : `${bound.name} hands over connections to ${address}:${port}`;
  trace?.add({ stage: 'listener', name: listener.name, outcome: 'chosen', because: how });
  return listener;
}

/**
 * The listener that takes a redirected connection over from the one that accepted it, bound to a port or not; undefined: that one keeps it. Source:
 * Envoy, Listener.use_original_dst; ConnectionHandlerImpl, getBalancedHandlerByAddress.
 */
export function handedTo(bound: ListenerEntry, listeners: Iterable<ListenerEntry>, address: string, port: number): ListenerEntry | undefined {
  return bound.useOriginalDst ? listenerAt(listeners, address, port, (listener) => listener !== bound) : undefined;
}

/** The exact address before any address, and that of the same family before the other's, of those with this port. */
export function listenerAt(
  listeners: Iterable<ListenerEntry>,
  address: string,
  port: number,
  allowed: (listener: ListenerEntry) => boolean,
): ListenerEntry | undefined {
  const [ofFamily, other] = address.includes(':') ? ['::', '0.0.0.0'] : ['0.0.0.0', '::'];
  let anyAddress: ListenerEntry | undefined;
  for (const listener of listeners) {
    if (listener.port !== port || !allowed(listener)) continue;
    if (isAt(listener, address)) return listener;
    if (isAt(listener, ofFamily)) anyAddress = listener;
    else if (isAt(listener, other)) anyAddress ??= listener;
  }
  return anyAddress;
}

function isAt({ address, additionalAddresses }: ListenerEntry, asked: string): boolean {
  return address === asked || additionalAddresses?.includes(asked) === true;
}
