// The state of a running mesh as .heddle/state.json has it, from its parts; and the line that tries it out.
import type { KindMap, ResourcesByKind } from '#api/kinds.ts';
import { kubernetesGatewayCall } from '#app/up/kubernetes-gateway.ts';
import type { WorkloadSecurity } from '#app/up/workload-security.ts';
import { hostCovers, isWildcard } from '#model/hostname.ts';
import { processStart } from '#runtime/leftovers.ts';
import type { PodRun } from '#runtime/pod-run.ts';
import type { GatewayPortState, MeshState, ProcessState, WorkloadState } from '#runtime/state.ts';

export type StateParts = {
  /** The process that a user ends. */
  readonly pid: number;
  readonly phase: MeshState['phase'];
  readonly dataPlane: string;
  readonly network: MeshState['network'];
  readonly paths: readonly string[];
  readonly runs: readonly PodRun[];
  readonly current: readonly PodRun[];
  readonly logFiles: (run: PodRun) => readonly string[];
  /** Who a pod is and what it takes from whom, as far as that is known. */
  readonly security: (run: PodRun) => WorkloadSecurity;
  readonly gatewayPorts: readonly GatewayPortState[];
  readonly adminUrl?: string | undefined;
  readonly xdsAddress?: string | undefined;
  /** Processes that belong to no pod. */
  readonly others: readonly { readonly pid: number; readonly name: string }[];
};

export function meshState(parts: StateParts): MeshState {
  const gatewayUrl = gatewayUrlOf(parts.current);
  const gatewayPorts = parts.gatewayPorts.filter(({ address }) => `http://${address}` !== gatewayUrl);
  return {
    version: 1,
    pid: parts.pid,
    started: processStart(parts.pid) ?? '',
    phase: parts.phase,
    dataPlane: parts.dataPlane,
    network: parts.network,
    paths: parts.paths,
    ...(gatewayUrl !== undefined && { gatewayUrl }),
    ...(gatewayPorts.length > 0 && { gatewayPorts }),
    ...(parts.adminUrl !== undefined && { adminUrl: parts.adminUrl }),
    ...(parts.xdsAddress !== undefined && { xdsAddress: parts.xdsAddress }),
    workloads: parts.current.toSorted(gatewaysLast).map((run) => workloadState(run, parts)),
    processes: [...parts.runs.flatMap(processesOf), ...parts.others.map(({ pid, name }) => processState(pid, name))],
  };
}

function gatewaysLast(a: PodRun, b: PodRun): number {
  return Number(a.plan.isGateway) - Number(b.plan.isGateway);
}

type GatewayRun = {
  readonly plan: { readonly isGateway: boolean; readonly pod: { readonly metadata: Pick<PodRun['plan']['pod']['metadata'], 'labels'> } };
  readonly network: Pick<PodRun['network'], 'hostAddresses'>;
};

/** Where the way in takes plain HTTP: a gateway to another network, or one for the way out, is nobody's first address. */
export function gatewayUrlOf(current: readonly GatewayRun[]): string | undefined {
  const gateways = current.filter(({ plan }) => plan.isGateway);
  const gateway =
    gateways.find(({ plan }) => plan.pod.metadata.labels['istio'] === 'ingressgateway') ??
    gateways.find(({ network }) => network.hostAddresses['8080'] !== undefined) ??
    gateways[0];
  if (gateway === undefined) return undefined;
  const { hostAddresses } = gateway.network;
  const address = hostAddresses['8080'] ?? Object.values(hostAddresses)[0];
  return address === undefined ? undefined : `http://${address}`;
}

/**
 * `curl -H 'Host: hello.example.com' http://127.0.0.1:8080/`, for the first host and path that a gateway serves; where that is with TLS alone, by the
 * name that its certificate is for.
 */
export function tryLine(
  resources: ResourcesByKind,
  gatewayUrl: string | undefined,
  gatewayPorts: readonly GatewayPortState[] = [],
): string | undefined {
  const gateways = [...resources.Gateway.values()];
  // A way out serves nobody who stands outside.
  const gateway = gateways.find(({ spec }) => spec.selector?.['istio'] === 'ingressgateway') ?? gateways[0];
  if (gatewayUrl === undefined) return undefined;
  if (gateway === undefined) return kubernetesLine(resources, gatewayUrl) ?? ingressLine(resources, gatewayUrl);
  const { host, path } = servedBy(resources, gateway);
  const secure = gatewayPorts.find(({ protocol }) => protocol === 'https');
  if (secure !== undefined && host !== '*' && !answersPlainHttp(gateway)) {
    return `curl -k --connect-to ::${secure.address} https://${host.replace(/^\*/, 'www')}${path}`;
  }
  const header = host === '*' ? '' : ` -H 'Host: ${host.replace(/^\*/, 'www')}'`;
  return `curl${header} ${gatewayUrl}${path}`;
}

/** A redirect to https is an answer, but not the one that anybody is after. */
function answersPlainHttp({ spec }: KindMap['Gateway']): boolean {
  return (spec.servers ?? []).some(({ port, tls }) => /^(HTTP|HTTP2|GRPC|GRPC-WEB)$/i.test(port?.protocol ?? '') && tls?.httpsRedirect !== true);
}

/** A host and a path that the gateway serves; where the Gateway has a wildcard, a host of the routes for it. */
function servedBy(resources: ResourcesByKind, { metadata, spec }: KindMap['Gateway']): { readonly host: string; readonly path: string } {
  const bound = [...resources.VirtualService.values()].filter(({ spec: { gateways = [] } }) =>
    gateways.some((name) => name.split('/').at(-1) === metadata.name),
  );
  const written =
    (spec.servers ?? [])
      .flatMap(({ hosts }) => hosts ?? [])[0]
      ?.split('/')
      .at(-1) ?? '*';
  const routed = bound.find(({ spec: { hosts = [] } }) => hosts.some((host) => hostCovers(written, host)));
  const host = isWildcard(written) ? (routed?.spec.hosts?.find((one) => hostCovers(written, one) && !isWildcard(one)) ?? written) : written;
  return { host, path: pathOf(routed ?? bound[0]) };
}

/** For the first route of the Gateway API, where no Gateway of Istio was written. */
function kubernetesLine(resources: ResourcesByKind, gatewayUrl: string): string | undefined {
  const call = kubernetesGatewayCall(resources);
  if (call === undefined) return undefined;
  const header = call.host === '*' ? '' : ` -H 'Host: ${call.host.replace(/^\*/, 'www')}'`;
  return `curl${header} ${gatewayUrl}${call.path}`;
}

/** For the first host and path of an Ingress, where no Gateway was written. */
function ingressLine(resources: ResourcesByKind, gatewayUrl: string): string | undefined {
  const [rule] = [...resources.Ingress.values()].flatMap(({ spec }) => spec?.rules ?? []);
  if (rule === undefined) return undefined;
  const { host = '', http } = rule;
  const header = host === '' ? '' : ` -H 'Host: ${host.replace(/^\*/, 'www')}'`;
  return `curl${header} ${gatewayUrl}${http?.paths[0]?.path?.replace(/\/?\*$/, '/') ?? '/'}`;
}

function pathOf(bound: KindMap['VirtualService'] | undefined): string {
  const uris = (bound?.spec.http ?? []).flatMap(({ match }) => match ?? []).flatMap(({ uri }) => (uri === undefined ? [] : [uri]));
  // A path with a name says more than the root, where both are served.
  const paths = uris.flatMap(({ exact, prefix }) => exact ?? prefix ?? []);
  return paths.find((path) => path !== '/') ?? '/';
}

function workloadState(run: PodRun, { logFiles, security }: Pick<StateParts, 'logFiles' | 'security'>): WorkloadState {
  const { plan, ports, phase, ready } = run;
  const { name, namespace, labels } = plan.pod.metadata;
  const first = Object.values(ports.inbound)[0];
  return {
    name,
    namespace,
    version: labels['version'] ?? '',
    phase,
    ready,
    reason: ready || phase === 'Succeeded' ? '' : run.reason,
    restarts: run.containers.reduce((sum, { restarts }) => sum + restarts, run.proxy.restarts),
    address: first === undefined ? '' : `${ports.address}:${first.listen}`,
    ports: ports.inbound,
    ...(run.proxy.admin !== undefined && { proxyAdmin: run.proxy.admin }),
    ...(run.proxy.metrics !== undefined && { metrics: run.proxy.metrics }),
    ...security(run),
    logs: logFiles(run),
  };
}

function processesOf(run: PodRun): readonly ProcessState[] {
  const { name } = run.plan.pod.metadata;
  const all = [
    ...run.containers.map((container) => ({ pid: container.pid, name: `${name}/${container.name}` })),
    { pid: run.proxy.pid, name: `${name}/istio-proxy` },
  ];
  return all.flatMap((one) => (one.pid === undefined || one.pid === 0 ? [] : [processState(one.pid, one.name)]));
}

function processState(pid: number, name: string): ProcessState {
  return { pid, name, started: processStart(pid) ?? '' };
}
