// The ingress gateway that `heddle up` adds when a Gateway selects one and nobody wrote one: what Istio's installation brings to a
// cluster, as a Pod and a Service.
import type { AnyResource, KindMap, ResourcesByKind } from '#api/kinds.ts';
import type { FieldOrigins } from '#api/resource.ts';
import { workloadPods } from '#api/workload-pods.ts';
import { addressedPorts, deployedGateways } from '#app/up/kubernetes-gateway.ts';
import { whyNotServed } from '#model/build/ingress-class.ts';
import { readMeshSettings } from '#model/build/mesh-settings.ts';
import { defaultIngressSettings } from '#model/ingress-settings.ts';

const labels = { istio: 'ingressgateway', app: 'istio-ingressgateway' };
const namespace = 'istio-system';
const added = { file: '(added by heddle up)', line: 0, col: 0 };
const origins: FieldOrigins = { start: added, at: () => added };

/** All that has to be added for the Gateways of both APIs and for Ingresses. */
export function missingGateway(resources: ResourcesByKind): readonly AnyResource[] {
  return [...missingIngressGateway(resources), ...deployedGateways(resources)];
}

/** The resources to add; none where no Gateway or Ingress is for `istio: ingressgateway`, or a pod with that label is there. */
function missingIngressGateway(resources: ResourcesByKind): readonly AnyResource[] {
  const selectors = [...resources.Gateway.values()]
    .map(({ spec }) => Object.entries(spec.selector ?? {}))
    .concat(ingressSelectors(resources), addressSelectors(resources));
  // A Gateway for another gateway, such as one for the way out, says nothing of this one.
  const wanted = selectors.filter((selector) => selector.length > 0 && matches(selector, labels));
  if (wanted.length === 0) return [];
  const isThere = [...workloadPods(resources).values()].some(({ pod }) => wanted.some((selector) => matches(selector, pod.metadata.labels)));
  if (isThere) return [];
  const service = resources.Service.get(`${namespace}/istio-ingressgateway`);
  if (service !== undefined) return [gatewayPodFor((service.spec.ports ?? []).map(({ port, targetPort = port }) => targetPort))];
  const ports = namedPorts(resources);
  return [gatewayPodFor(ports.map(({ port }) => port)), gatewayServiceFor(ports)];
}

/** The labels of the gateway that serves Ingresses (MeshConfig.ingressSelector), where there is one to serve. */
function ingressSelectors(resources: ResourcesByKind): readonly [string, string][][] {
  if (resources.Ingress.size === 0) return [];
  const { settings } = readMeshSettings(resources.ConfigMap.get(`${namespace}/istio`));
  const rules = settings.ingress ?? defaultIngressSettings;
  const isServed = [...resources.Ingress.values()].some((ingress) => whyNotServed(ingress, resources.IngressClass, rules) === undefined);
  return isServed ? [[['istio', rules.gatewayLabel]]] : [];
}

/** Gateways of the Gateway API that name the ingress gateway's Service as their address. */
function addressSelectors(resources: ResourcesByKind): readonly [string, string][][] {
  return addressedPorts(resources, namespace, 'istio-ingressgateway').length > 0 ? [Object.entries(labels)] : [];
}

/** Whether a Gateway selects the pod: its selector is a set of labels that the pod must have (Gateway.selector). */
export function selectsPod(gateway: KindMap['Gateway'], pod: KindMap['Pod']): boolean {
  const selector = Object.entries(gateway.spec.selector ?? {});
  return selector.length > 0 && matches(selector, pod.metadata.labels);
}

function matches(selector: readonly (readonly [string, string])[], found: Readonly<Record<string, string>>): boolean {
  return selector.every(([name, value]) => found[name] === value);
}

const usualPorts: readonly number[] = [8080, 8443];

const gatewayPod: KindMap['Pod'] = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'istio-ingressgateway-0', namespace, labels, annotations: {} },
  origins,
  spec: {
    serviceAccountName: 'istio-ingressgateway-service-account',
    containers: [{ name: 'istio-proxy', image: 'auto', ports: usualPorts.map((containerPort) => ({ containerPort })) }],
  },
};

type NamedPort = { readonly name: string; readonly port: number };

/** The ports beside 80 and 443 that the Gateways name for which the Service stands, each once, called by the protocol that is first to name it. */
function namedPorts(resources: ResourcesByKind): readonly NamedPort[] {
  const ofServers = [...resources.Gateway.values()]
    .filter((gateway) => selectsPod(gateway, gatewayPod))
    .flatMap(({ spec }) => spec.servers ?? [])
    .flatMap(({ port }) => (port?.number === undefined ? [] : [{ port: port.number, protocol: (port.protocol ?? 'TCP').toLowerCase() }]));
  const ports = new Map<number, NamedPort>();
  for (const { port, protocol } of [...ofServers, ...addressedPorts(resources, namespace, 'istio-ingressgateway')]) {
    if (!ports.has(port)) ports.set(port, { name: `${protocol}-${port}`, port });
  }
  for (const { port } of gatewayService.spec.ports ?? []) ports.delete(port);
  return [...ports.values()].sort((one, other) => one.port - other.port);
}

/** The Pod with the ports that its Service sends to beside the usual ones. */
function gatewayPodFor(targets: readonly (number | string)[]): KindMap['Pod'] {
  const more = [...new Set(targets)].filter((target) => typeof target === 'number' && !usualPorts.includes(target)).map(Number);
  if (more.length === 0) return gatewayPod;
  const containers = gatewayPod.spec.containers.map((one) => ({
    ...one,
    ports: [...usualPorts, ...more].map((containerPort) => ({ containerPort })),
  }));
  return { ...gatewayPod, spec: { ...gatewayPod.spec, containers } };
}

const gatewayService: KindMap['Service'] = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'istio-ingressgateway', namespace, labels, annotations: {} },
  origins,
  spec: {
    type: 'LoadBalancer',
    selector: labels,
    ports: [
      { name: 'http2', port: 80, targetPort: 8080 },
      { name: 'https', port: 443, targetPort: 8443 },
    ],
  },
};

function gatewayServiceFor(more: readonly NamedPort[]): KindMap['Service'] {
  if (more.length === 0) return gatewayService;
  const { spec } = gatewayService;
  return {
    ...gatewayService,
    spec: { ...spec, ports: [...(spec.ports ?? []), ...more.map(({ name, port }) => ({ name, port, targetPort: port }))] },
  };
}
