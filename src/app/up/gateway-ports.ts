// Where the gateways of a local mesh listen: a gateway serves what its Gateways name, and the first one gets the port that the user asked for.
import type { KindMap, ResourcesByKind } from '#api/kinds.ts';
import { selectsPod } from '#app/up/gateway.ts';
import { gatewayNameLabel } from '#model/build/gateway-api/gateway-class.ts';
import type { PodPlan, RuntimePlan } from '#runtime/pod-plan.ts';
import { selects } from '#runtime/pod-ports.ts';

const httpPort = '8080';
const httpsPort = '8443';

/**
 * Adds to each gateway the ports of the Gateways that select it and that no Service maps: such a port is the container's own (Istio:
 * "the port on which the proxy should listen", Gateway.servers.port, behind the Service's targetPort where there is one).
 */
export function withGatewayPorts(plan: RuntimePlan, resources: ResourcesByKind): RuntimePlan {
  const pods = new Map<string, PodPlan>();
  for (const [key, pod] of plan.pods) pods.set(key, pod.isGateway ? withServerPorts(pod, resources) : pod);
  return { ...plan, pods };
}

function withServerPorts(pod: PodPlan, resources: ResourcesByKind): PodPlan {
  const mapped = new Set<number>();
  for (const service of resources.Service.values()) {
    if (selects(service, pod.pod)) for (const { port } of service.spec.ports ?? []) mapped.add(port);
  }
  const own = [...resources.Gateway.values()]
    .filter((gateway) => selectsPod(gateway, pod.pod))
    .flatMap(serverPorts)
    .filter((port) => !mapped.has(port));
  const inbound = [...new Set([...pod.inbound, ...own])].sort((a, b) => a - b);
  return { ...pod, inbound, fingerprint: `${pod.fingerprint}/${inbound.join()}` };
}

function serverPorts(gateway: KindMap['Gateway']): readonly number[] {
  return (gateway.spec.servers ?? []).flatMap(({ port }) => (port?.number === undefined ? [] : [port.number]));
}

/** The fixed ports of a pod: those of the first gateway where the user asked for a port (0: any), 8443 beside the usual 8080. */
export function gatewayPorts(
  plan: PodPlan,
  all: RuntimePlan,
  asked: { readonly http: number; readonly isHttpsFree: boolean },
): Readonly<Record<string, number>> {
  const gateways = [...all.pods.values()].filter(({ isGateway }) => isGateway);
  // The way in comes before the way out, which nobody calls by its port.
  const first = gateways.find(({ pod }) => pod.metadata.labels['istio'] === 'ingressgateway') ?? gateways[0];
  if (plan.key !== first?.key || asked.http === 0) return {};
  const withHttps = asked.http === 8080 && asked.isHttpsFree && plan.inbound.includes(8443);
  const http = plan.inbound.includes(8080) ? httpPort : lowestListenerPort(plan);
  return { ...(http !== undefined && { [http]: asked.http }), ...(withHttps && { [httpsPort]: 8443 }) };
}

/** The proxies of a Gateway of the Gateway API listen on its own ports, usually 80. */
function lowestListenerPort({ pod, inbound }: PodPlan): string | undefined {
  return gatewayNameLabel in pod.metadata.labels && inbound[0] !== undefined ? String(inbound[0]) : undefined;
}
