// What is said to listeners. Source: Gateway API, ListenerConditionType and its reasons.
import { gatewayServices, manualAddresses } from '#model/build/gateway-api/gateway-class.ts';
import { isServed, type Listener } from '#model/build/gateway-api/listeners.ts';
import { conditionOf, type Problem } from '#model/build/gateway-api/problem.ts';
import type { ListenerStatus } from '#model/gateway-api.ts';
import type { Service } from '#model/service.ts';

/** `counts`: how many routes each listener has. */
export type ListenerContext = {
  readonly counts: ReadonlyMap<Listener, number>;
  readonly services: ReadonlyMap<string, Service>;
  readonly domain: string;
};

/** A Gateway whose address is a Service has the ports of that Service, and no other. */
export function portProblems({ gateway, owner, spec, path }: Listener, { services, domain }: Omit<ListenerContext, 'counts'>): readonly Problem[] {
  if (manualAddresses(gateway).length === 0) return [];
  const found = gatewayServices(gateway, domain).flatMap((host) => services.get(host) ?? []);
  const offered = found.flatMap(({ ports }) => ports.map(({ number }) => number));
  if (found.length === 0 || offered.includes(spec.port)) return [];
  const message = `port ${spec.port} is not offered by the Service that the Gateway has as its address`;
  const at = owner.origins.at([...path, 'port']);
  return [{ condition: 'Programmed', reason: 'AddressNotAssigned', message, hint: `it offers ${offered.join(', ')}`, at }];
}

const routeGroup = 'gateway.networking.k8s.io';

export function listenerStatus(listener: Listener, context: ListenerContext): ListenerStatus {
  const { spec, kinds, problems, owner, path } = listener;
  const { generation } = owner.metadata;
  const served = isServed(listener);
  const at = owner.origins.at(path);
  const programming: readonly Problem[] = served
    ? portProblems(listener, context)
    : [{ condition: 'Programmed', reason: 'Invalid', message: 'the listener is not served', at: problems[0]?.at ?? at }];
  return {
    name: spec.name,
    supportedKinds: kinds.map((kind) => `${kind}.${routeGroup}`),
    attachedRoutes: context.counts.get(listener) ?? 0,
    conditions: [
      conditionOf('Accepted', problems, { reason: 'Accepted', message: 'the listener can be served' }, generation),
      conditionOf('Conflicted', problems, { reason: 'NoConflicts', message: 'no other listener is in its way' }, generation),
      conditionOf('Programmed', programming, { reason: 'Programmed', message: 'the listener is served' }, generation),
      conditionOf('ResolvedRefs', problems, { reason: 'ResolvedRefs', message: 'every reference leads somewhere' }, generation),
    ],
  };
}
