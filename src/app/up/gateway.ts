// The ingress gateway that `heddle up` adds when a Gateway selects one and nobody wrote one: what Istio's installation brings to a
// cluster, as a Pod and a Service.
import type { AnyResource, KindMap, ResourcesByKind } from '#api/kinds.ts';
import type { FieldOrigins } from '#api/resource.ts';
import { workloadPods } from '#api/workload-pods.ts';
import { deployedGateways, usesIngressGateway } from '#app/up/kubernetes-gateway.ts';
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
  return service === undefined ? [gatewayPod, gatewayService] : [gatewayPodFor(service)];
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
  return usesIngressGateway(resources, namespace, 'istio-ingressgateway') ? [Object.entries(labels)] : [];
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

/** The Pod with the ports that a Service of the user's sends to beside the usual ones. */
function gatewayPodFor({ spec }: KindMap['Service']): KindMap['Pod'] {
  const targets = (spec.ports ?? []).map(({ port, targetPort = port }) => targetPort).filter((target) => typeof target === 'number');
  const more = [...new Set(targets)].filter((target) => !usualPorts.includes(target));
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
