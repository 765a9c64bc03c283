// In: what is written about networks, and the services of the mesh. Out: the gateways that lead to each network, with an address and a port each; and what
// is said to be one and leads nowhere. Source: Istio, getGatewayDetails, extractGatewaysInner and NetworkGateways.update.
import type { KindMap, ResourcesByKind } from '#api/kinds.ts';
import { parseIp } from '#base/cidr.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { isObject } from '#base/object.ts';
import type { Origin } from '#base/origin.ts';
import { topologyLabels } from '#model/locality.ts';
import type { Mesh } from '#model/mesh.ts';
import type { NetworkGateway, NetworkPlan, Networks } from '#model/network.ts';
import type { Service } from '#model/service.ts';

const portLabel = 'networking.istio.io/gatewayPort';
const usualPort = 15_443;

type Found = NetworkGateway & { readonly network: string };
type Inputs = { readonly resources: Pick<ResourcesByKind, 'Service'>; readonly services: Mesh['services']; readonly plan: NetworkPlan | undefined };

/** `networks` is undefined where no network has a gateway: then everything is called at its own address. */
export function networkGateways({ resources, services, plan }: Inputs): {
  readonly networks: Networks | undefined;
  readonly diagnostics: readonly Diagnostic[];
} {
  const diagnostics: Diagnostic[] = [];
  const found = [
    ...(plan?.gateways ?? []).flatMap((gateway) => written(gateway, resources, services, diagnostics)),
    ...[...resources.Service.values()].flatMap((resource) => byLabel(resource, resources, services, diagnostics)),
  ];
  const usable = found.filter(({ address }) => parseIp(address) !== undefined);
  if (usable.length === 0) return { networks: undefined, diagnostics };
  const byNetwork = new Map<string, readonly NetworkGateway[]>();
  const grouped = [...Map.groupBy(usable, ({ network }) => network)].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [network, gateways] of grouped) byNetwork.set(network, sortedOnce(gateways));
  return { networks: { gateways: byNetwork, key: JSON.stringify([...byNetwork]) }, diagnostics };
}

/** One of MeshNetworks. */
function written(
  gateway: NetworkPlan['gateways'][number],
  resources: Inputs['resources'],
  services: Mesh['services'],
  diagnostics: Diagnostic[],
): readonly Found[] {
  const { network, port, origin } = gateway;
  if ('address' in gateway) {
    if (parseIp(gateway.address) === undefined) diagnostics.push(named(network, [gateway.address], origin));
    return [{ network, address: gateway.address, port }];
  }
  const service = services.get(gateway.service);
  if (service?.registry === 'kubernetes') return byService(service, resources, network, port, diagnostics);
  const message = `the gateway to network ${network} is to be the Service ${gateway.service}, and there is none`;
  diagnostics.push({ code: 'HDL0038', severity: 'warning', message, hint: 'its name is NAME.NAMESPACE.svc.cluster.local', at: origin });
  return [];
}

function named(network: string, addresses: readonly string[], at: Origin): Diagnostic {
  const message = `the gateway to network ${network} is at ${addresses.join(', ')}: a gateway is called at an IP address, and names are not asked for here`;
  return { code: 'HDL0038', severity: 'warning', message, hint: 'write its address into MeshNetworks', at };
}

/** A Service with the label of a network is a gateway to it. */
function byLabel(
  resource: KindMap['Service'],
  resources: Inputs['resources'],
  services: Mesh['services'],
  diagnostics: Diagnostic[],
): readonly Found[] {
  const { labels, name, namespace } = resource.metadata;
  const network = labels[topologyLabels.network] ?? '';
  if (network === '') return [];
  const written = Number(labels[portLabel]);
  const port = Number.isInteger(written) && written > 0 ? written : usualPort;
  if ((resource.spec.ports ?? []).some((one) => one.port === port)) {
    const service = [...services.values()].find((one) => one.registry === 'kubernetes' && one.name === name && one.namespace === namespace);
    return byService(service, resources, network, port, diagnostics);
  }
  const message = `Service ${namespace}/${name} is labelled as a gateway to network ${network}, and has no port ${port}`;
  const hint = `open port ${usualPort}, or name the port with the label ${portLabel}`;
  diagnostics.push({ code: 'HDL0038', severity: 'warning', message, hint, at: resource.origins.at(['metadata', 'labels']) });
  return [];
}

/** Where it is reached from outside. Where that is not known, as on one machine, its own endpoints: that is as far as a cluster's balancer would go. */
function byService(
  service: Service | undefined,
  { Service }: Inputs['resources'],
  network: string,
  port: number,
  diagnostics: Diagnostic[],
): readonly Found[] {
  const resource = service === undefined ? undefined : Service.get(`${service.namespace}/${service.name}`);
  if (service === undefined || resource === undefined) return [];
  const outside = externalAddresses(resource);
  const addresses = outside.filter((address) => parseIp(address) !== undefined);
  if (addresses.length > 0) return addresses.map((address) => ({ network, address, port }));
  if (outside.length === 0) {
    const ready = service.endpoints.filter(({ servicePortNumber, health }) => servicePortNumber === port && health === 'ready');
    return ready.map((endpoint) => ({ network, address: endpoint.address, port: endpoint.port }));
  }
  diagnostics.push(named(network, outside, resource.origins.start));
  return [];
}

function externalAddresses({ spec, status }: KindMap['Service']): readonly string[] {
  const balancer = isObject(status) ? status['loadBalancer'] : undefined;
  const ingress = isObject(balancer) && Array.isArray(balancer['ingress']) ? balancer['ingress'].filter(isObject) : [];
  const told = ingress.flatMap(({ ip, hostname }) => (typeof ip === 'string' ? [ip] : typeof hostname === 'string' ? [hostname] : []));
  return [...(spec.type === 'LoadBalancer' ? told : []), ...(spec.externalIPs ?? [])];
}

function sortedOnce(gateways: readonly Found[]): readonly NetworkGateway[] {
  const known = new Map(gateways.map(({ address, port }) => [`${address} ${port}`, { address, port }]));
  return [...known.values()].sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : a.port - b.port));
}
