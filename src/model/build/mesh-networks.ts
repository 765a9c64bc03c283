// In: the ConfigMap `istio`, whose key `meshNetworks` is Istio's MeshNetworks. Out: what it says of networks, and what of it makes no sense. Source: Istio,
// reloadMeshNetworks, Controller.Network and ValidateMeshNetworks.
import { parse } from 'yaml';
import type { KindMap } from '#api/kinds.ts';
import { inRange, parseCidr, parseIp } from '#base/cidr.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { isObject } from '#base/object.ts';
import { topologyLabels } from '#model/locality.ts';
import type { NetworkPlan, WrittenGateway } from '#model/network.ts';
import type { Workload } from '#model/workload.ts';

/** What a registry is called in MeshNetworks: the cluster's id, Istio's default. */
const clusterId = 'Kubernetes';

type Written = Readonly<Record<string, unknown>>;
type Say = (field: string, message: string) => void;
type Block = NetworkPlan['blocks'][number];

/** `plan` is undefined where nothing is said. What makes no sense is an error, and is left out. */
export function readMeshNetworks({ data, origins }: KindMap['ConfigMap']): {
  readonly plan: NetworkPlan | undefined;
  readonly diagnostics: readonly Diagnostic[];
} {
  const text = data?.['meshNetworks'];
  if (text === undefined) return { plan: undefined, diagnostics: [] };
  const diagnostics: Diagnostic[] = [];
  const at = origins.at(['data', 'meshNetworks']);
  const say: Say = (field, message) => diagnostics.push({ code: 'HDL0011', severity: 'error', message: `MeshNetworks${field} ${message}`, at });
  const sayIdle: Say = (field, hint) =>
    diagnostics.push({ code: 'HDL0012', severity: 'warning', message: `MeshNetworks${field} has no effect`, hint, at });
  const networks = networksIn(text, say);
  if (networks.length === 0) return { plan: undefined, diagnostics };
  const blocks: Block[] = [];
  const gateways: WrittenGateway[] = [];
  let ofCluster: string | undefined;
  for (const [network, { endpoints, gateways: written }] of networks) {
    const field = `.networks.${network}`;
    const all = objectsOf(endpoints);
    const isHere = all.some(({ fromRegistry }) => fromRegistry === clusterId);
    if (isHere) ofCluster ??= network;
    blocks.push(...all.flatMap((endpoint, index) => readBlock(network, endpoint, `${field}.endpoints[${index}]`, say)));
    for (const [index, gateway] of objectsOf(written).entries()) {
      const where = `${field}.gateways[${index}]`;
      if (gateway['locality'] !== undefined) sayIdle(`${where}.locality`, 'Istio does not act on it either; leave it out');
      gateways.push(...readGateway(network, gateway, isHere, where, say).map((found) => ({ ...found, origin: at })));
    }
  }
  blocks.sort((a, b) => a.range.length - b.range.length);
  return { plan: { ...(ofCluster !== undefined && { ofCluster }), blocks, gateways }, diagnostics };
}

/** What a workload says itself counts. */
export function inNetwork(workload: Workload, plan: NetworkPlan | undefined): Workload {
  if (workload.network !== undefined) return workload;
  const network = networkOf(plan, workload.address, workload.labels);
  return network === '' ? workload : { ...workload, network };
}

/** `''` where nobody says. */
function networkOf(plan: NetworkPlan | undefined, address: string, labels: Readonly<Record<string, string>>): string {
  const own = labels[topologyLabels.network];
  if (own !== undefined && own !== '') return own;
  if (plan === undefined) return '';
  const named = plan.ofNamespace ?? plan.ofCluster;
  if (named !== undefined || plan.blocks.length === 0) return named ?? '';
  const ip = parseIp(address);
  return ip === undefined ? '' : (plan.blocks.find(({ range }) => inRange(ip, range))?.network ?? '');
}

/** In the order of their names. */
function networksIn(text: string, say: Say): readonly (readonly [string, Written])[] {
  let written: unknown;
  try {
    written = parse(text);
  } catch (error) {
    say('', `cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
  if (written === null || written === undefined) return [];
  const networks = isObject(written) ? (written['networks'] ?? {}) : undefined;
  if (isObject(networks)) {
    return Object.entries(networks)
      .map(([name, network]) => [name, isObject(network) ? network : {}] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1));
  }
  say('', 'is no map with `networks`');
  return [];
}

function objectsOf(list: unknown): readonly Written[] {
  return Array.isArray(list) ? list.filter(isObject) : [];
}

function readBlock(network: string, { fromCidr }: Written, field: string, say: Say): readonly Block[] {
  if (fromCidr === undefined || fromCidr === '') return [];
  const range = typeof fromCidr === 'string' ? parseCidr(fromCidr) : undefined;
  if (range !== undefined) return [{ range, network }];
  say(`${field}.fromCidr`, `'${String(fromCidr)}' is no block of addresses`);
  return [];
}

type UnplacedGateway = WrittenGateway extends infer Each ? (Each extends WrittenGateway ? Omit<Each, 'origin'> : never) : never;

/** A Service is meant of the cluster that the network is of. */
function readGateway(network: string, written: Written, isHere: boolean, field: string, say: Say): readonly UnplacedGateway[] {
  const { address, registryServiceName, port } = written;
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) {
    say(`${field}.port`, 'must be a port');
    return [];
  }
  if (typeof address === 'string' && address !== '') return [{ network, port, address }];
  if (typeof registryServiceName !== 'string' || registryServiceName === '') {
    say(field, 'has neither an address nor a registryServiceName');
    return [];
  }
  if (isHere) return [{ network, port, service: registryServiceName.toLowerCase() }];
  return [];
}
