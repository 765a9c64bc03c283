// What is said to GatewayClasses, Gateways and ListenerSets. Source: Gateway API, GatewayConditionType and
// its reasons; Istio, reportGatewayStatus.
import type { KindMap, ResourcesByKind } from '#api/kinds.ts';
import { gatewayServices, isOwnClass, manualAddresses } from '#model/build/gateway-api/gateway-class.ts';
import { type ListenerContext, listenerStatus } from '#model/build/gateway-api/listener-conditions.ts';
import { isServed, type KubernetesGateway, type Listener, type ListenerOwner, setParent } from '#model/build/gateway-api/listeners.ts';
import { conditionOf, type Problem } from '#model/build/gateway-api/problem.ts';
import type { Condition, GatewayApiStatus } from '#model/gateway-api.ts';
import type { Service } from '#model/service.ts';

function classStatus({ metadata, origins }: KindMap['GatewayClass']): GatewayApiStatus {
  const good = { reason: 'Accepted', message: 'the class is served' };
  return {
    kind: 'GatewayClass',
    namespace: '',
    name: metadata.name,
    origin: origins.start,
    conditions: [conditionOf('Accepted', [], good, metadata.generation)],
  };
}

/** Those that are ours. */
export function classStatuses({ GatewayClass }: ResourcesByKind): readonly GatewayApiStatus[] {
  return [...GatewayClass.values()].filter(isOwnClass).map(classStatus);
}

/** Addresses of type Hostname must be Services that are there. */
export function addressProblems(gateway: KubernetesGateway, services: ReadonlyMap<string, Service>, domain: string): readonly Problem[] {
  const hosts = gatewayServices(gateway, domain);
  return manualAddresses(gateway).flatMap(({ index }, at): readonly Problem[] => {
    const host = hosts[at] ?? '';
    const service = services.get(host);
    if (service !== undefined && service.namespace === gateway.metadata.namespace) return [];
    const message = service === undefined ? `address ${host} is no Service` : `address ${host} is a Service of another namespace than the Gateway`;
    const hint = 'name a Service of the namespace of the Gateway, or leave addresses out to have proxies started for it';
    const origin = gateway.origins.at(['spec', 'addresses', index, 'value']);
    return [{ condition: 'Programmed', reason: 'AddressNotUsable', message, hint, at: origin }];
  });
}

export function gatewayStatus(
  gateway: KubernetesGateway,
  own: readonly Listener[],
  context: ListenerContext,
  problems: readonly Problem[],
): GatewayApiStatus {
  const { metadata, origins } = gateway;
  const services = gatewayServices(gateway, context.domain).join(', ');
  return {
    kind: 'Gateway',
    namespace: metadata.namespace,
    name: metadata.name,
    origin: origins.start,
    conditions: [
      acceptance(own, metadata.generation),
      conditionOf(
        'Programmed',
        [...problems, ...nothingServed(own, gateway)],
        { reason: 'Programmed', message: `served by the proxies behind ${services}` },
        metadata.generation,
      ),
    ],
    listeners: own.map((listener) => listenerStatus(listener, context)),
  };
}

/** A set says as much as a Gateway, and whether it may join at all. */
export function setStatus(
  set: KindMap['ListenerSet'],
  own: readonly Listener[],
  context: ListenerContext,
  problems: readonly Problem[],
): GatewayApiStatus {
  const { metadata, origins } = set;
  const good = { reason: 'Programmed', message: `served with Gateway ${setParent(set)}` };
  return {
    kind: 'ListenerSet',
    namespace: metadata.namespace,
    name: metadata.name,
    origin: origins.start,
    conditions: [
      problems.length > 0 ? conditionOf('Accepted', problems, accepted, metadata.generation) : acceptance(own, metadata.generation),
      conditionOf('Programmed', nothingServed(own, set), good, metadata.generation),
    ],
    listeners: own.map((listener) => listenerStatus(listener, context)),
  };
}

const accepted = { reason: 'Accepted', message: 'every listener can be served' };

/** One good listener is enough, and the others are named all the same. */
function acceptance(listeners: readonly Listener[], generation: number | undefined): Condition {
  const bad = listeners.filter((listener) => listener.problems.length > 0);
  const [first] = bad;
  if (first === undefined) return conditionOf('Accepted', [], accepted, generation);
  const message = `something is wrong with ${bad.map(({ spec }) => `listener ${spec.name}`).join(', ')}`;
  const at = first.owner.origins.at(first.path);
  if (listeners.some(isServed)) return conditionOf('Accepted', [], { reason: 'ListenersNotValid', message }, generation);
  return conditionOf('Accepted', [{ condition: 'Accepted', reason: 'ListenersNotValid', message, at }], accepted, generation);
}

function nothingServed(listeners: readonly Listener[], { origins }: ListenerOwner): readonly Problem[] {
  if (listeners.some(isServed)) return [];
  return [{ condition: 'Programmed', reason: 'Invalid', message: 'no listener can be served', at: origins.at(['spec', 'listeners']) }];
}
