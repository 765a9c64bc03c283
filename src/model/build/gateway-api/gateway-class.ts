// Which Gateways are ours: by their class, and which Services their proxies stand behind.
import type { KindMap, ResourcesByKind } from '#api/kinds.ts';
import { serviceHostname } from '#model/build/host-resolution.ts';

type KubernetesGateway = KindMap['KubernetesGateway'];

/** Istio's controller, whose place this is, and our own name for it. */
const controllers: readonly string[] = ['istio.io/gateway-controller', 'heddle.dev/gateway-controller'];

/** Classes that are there without a GatewayClass, as Istio makes its own. */
const builtInClasses: readonly string[] = ['istio', 'heddle'];

export function isOwnClass({ spec }: KindMap['GatewayClass']): boolean {
  return controllers.includes(spec.controllerName);
}

export function isOwnGateway({ spec }: KubernetesGateway, classes: ResourcesByKind['GatewayClass']): boolean {
  const gatewayClass = classes.get(spec.gatewayClassName);
  return gatewayClass === undefined ? builtInClasses.includes(spec.gatewayClassName) : isOwnClass(gatewayClass);
}

/** Names that a Gateway gives its proxies' Services itself (`addresses` of type Hostname): then nobody starts proxies for it. */
export function manualAddresses({ spec }: KubernetesGateway): readonly { readonly value: string; readonly index: number }[] {
  return (spec.addresses ?? []).flatMap(({ type = 'IPAddress', value = '' }, index) =>
    type === 'Hostname' && value !== '' ? [{ value, index }] : [],
  );
}

/** `web-istio`: what the Service and the proxies that are made for a Gateway are called. Source: Istio, the gateway deployment controller. */
export function deploymentName({ metadata, spec }: KubernetesGateway): string {
  return metadata.annotations['gateway.istio.io/name-override'] ?? `${metadata.name}-${spec.gatewayClassName}`;
}

/** The label that binds proxies to their Gateway. */
export const gatewayNameLabel = 'gateway.networking.k8s.io/gateway-name';

/** Host names of the Services behind which the Gateway's proxies stand. A short name is one of its namespace. */
export function gatewayServices(gateway: KubernetesGateway, domain: string): readonly string[] {
  const { namespace } = gateway.metadata;
  const manual = manualAddresses(gateway);
  if (manual.length === 0) return [serviceHostname(deploymentName(gateway), namespace, domain)];
  return manual.map(({ value }) => (value.includes('.') ? value.toLowerCase() : serviceHostname(value, namespace, domain)));
}
