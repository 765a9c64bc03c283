// The proxies of Gateways of the Gateway API: a cluster's controller deploys them for each Gateway (`web-istio` for Gateway `web` of class
// `istio`), and so does `heddle up`, as a Pod and a Service. Gateways with an address of type Hostname are served by what stands there.
import type { AnyResource, KindMap, ResourcesByKind } from '#api/kinds.ts';
import type { FieldOrigins } from '#api/resource.ts';
import { workloadPods } from '#api/workload-pods.ts';
import { deploymentName, gatewayNameLabel, isOwnGateway, manualAddresses } from '#model/build/gateway-api/gateway-class.ts';
import { setParent } from '#model/build/gateway-api/listeners.ts';

type KubernetesGateway = KindMap['KubernetesGateway'];

const added = { file: '(added by heddle up)', line: 0, col: 0 };
const origins: FieldOrigins = { start: added, at: () => added };

/** What has to be added: for each Gateway of ours without proxies a Pod, and a Service where there is none. */
export function deployedGateways(resources: ResourcesByKind): readonly AnyResource[] {
  if (resources.KubernetesGateway.size === 0) return [];
  const pods = [...workloadPods(resources).values()];
  return [...resources.KubernetesGateway.values()]
    .filter((gateway) => isOwnGateway(gateway, resources.GatewayClass) && manualAddresses(gateway).length === 0)
    .flatMap((gateway): readonly AnyResource[] => {
      const { name, namespace } = gateway.metadata;
      const hasProxies = pods.some(({ pod }) => pod.metadata.namespace === namespace && pod.metadata.labels[gatewayNameLabel] === name);
      const ports = listenerPorts(gateway, resources);
      const hasService = resources.Service.has(`${namespace}/${deploymentName(gateway)}`);
      return [...(hasProxies ? [] : [podFor(gateway, ports)]), ...(hasService ? [] : [serviceFor(gateway, ports)])];
    });
}

/** The ports of Gateways that name the ingress gateway of an Istio installation as their address; none where no Gateway does. */
export function addressedPorts(resources: ResourcesByKind, namespace: string, service: string): readonly ListenerPort[] {
  const names: readonly string[] = [service, `${service}.${namespace}.svc.cluster.local`];
  return [...resources.KubernetesGateway.values()]
    .filter(
      (gateway) =>
        gateway.metadata.namespace === namespace &&
        isOwnGateway(gateway, resources.GatewayClass) &&
        manualAddresses(gateway).some(({ value }) => names.includes(value)),
    )
    .flatMap((gateway) => listenerPorts(gateway, resources));
}

type ListenerPort = { readonly name: string; readonly port: number; readonly protocol: string };

/** Each port once, under the name of the first listener that has it. */
function listenerPorts(gateway: KubernetesGateway, { ListenerSet }: ResourcesByKind): readonly ListenerPort[] {
  const key = `${gateway.metadata.namespace}/${gateway.metadata.name}`;
  const sets = [...ListenerSet.values()].filter((set) => setParent(set) === key);
  const ports = new Map<number, ListenerPort>();
  for (const { name, port, protocol } of [gateway, ...sets].flatMap(({ spec }) => spec.listeners)) {
    if (!ports.has(port)) ports.set(port, { name, port, protocol: protocol.toLowerCase() });
  }
  return [...ports.values()].sort((a, b) => a.port - b.port);
}

function labelsOf({ metadata, spec }: KubernetesGateway): Readonly<Record<string, string>> {
  return {
    ...spec.infrastructure?.labels,
    [gatewayNameLabel]: metadata.name,
    'gateway.networking.k8s.io/gateway-class-name': spec.gatewayClassName,
  };
}

function podFor(gateway: KubernetesGateway, ports: readonly ListenerPort[]): KindMap['Pod'] {
  const name = deploymentName(gateway);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${name}-0`,
      namespace: gateway.metadata.namespace,
      labels: { ...labelsOf(gateway), 'service.istio.io/canonical-name': name },
      annotations: gateway.spec.infrastructure?.annotations ?? {},
    },
    origins,
    spec: {
      serviceAccountName: name,
      containers: [{ name: 'istio-proxy', image: 'auto', ports: ports.map(({ port }) => ({ containerPort: port })) }],
    },
  };
}

function serviceFor(gateway: KubernetesGateway, ports: readonly ListenerPort[]): KindMap['Service'] {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: deploymentName(gateway), namespace: gateway.metadata.namespace, labels: labelsOf(gateway), annotations: {} },
    origins,
    spec: {
      type: 'LoadBalancer',
      selector: { [gatewayNameLabel]: gateway.metadata.name },
      ports: ports.map(({ name, port, protocol }) => ({ name, port, targetPort: port, appProtocol: protocol })),
    },
  };
}

/** A call that the first route of a Gateway answers: host and path. */
export function kubernetesGatewayCall({
  KubernetesGateway,
  HTTPRoute,
}: ResourcesByKind): { readonly host: string; readonly path: string } | undefined {
  const [gateway] = KubernetesGateway.values();
  if (gateway === undefined) return undefined;
  const { name, namespace } = gateway.metadata;
  const isOn = (route: KindMap['HTTPRoute']): boolean =>
    (route.spec.parentRefs ?? []).some((parent) => parent.name === name && (parent.namespace ?? route.metadata.namespace) === namespace);
  const route = [...HTTPRoute.values()].find(isOn);
  const host = route?.spec.hostnames?.[0] ?? gateway.spec.listeners.find(({ hostname }) => hostname !== undefined)?.hostname ?? '*';
  const paths = (route?.spec.rules ?? [])
    .flatMap(({ matches = [] }) => matches)
    .flatMap(({ path }) => (path?.type === 'RegularExpression' ? [] : (path?.value ?? [])));
  return { host, path: paths.find((path) => path !== '/') ?? '/' };
}
