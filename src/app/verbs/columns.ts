// What `heddle get` shows of each kind beside the name: a column per line, as kubectl and Istio's CRDs have them, and last the line that the resource
// comes from, which files have and clusters do not.

import type { ResourceColumn } from '#admin/client/verbs.ts';
import type { AnyResource, KindMap, KindName } from '#api/kinds.ts';
import { formatAge } from '#app/verbs/age.ts';
import type { LiveMesh } from '#app/verbs/live-mesh.ts';
import { podSummary } from '#app/verbs/pod-view.ts';
import { formatOrigin } from '#base/origin.ts';
import type { PodRun } from '#runtime/pod-run.ts';

export type Column<Kind extends KindName> = ResourceColumn & { readonly cell: (resource: KindMap[Kind], live: LiveMesh) => string };
type ColumnTable = { readonly [Kind in KindName]?: readonly Column<Kind>[] };

const none = '<none>';

const table: ColumnTable = {
  Pod: [
    { title: 'READY', cell: (pod, live) => ofRun(pod, live, (run) => podSummary(run).ready, '0/0') },
    { title: 'STATUS', cell: (pod, live) => ofRun(pod, live, (run) => podSummary(run).status, 'Pending') },
    { title: 'RESTARTS', cell: (pod, live) => ofRun(pod, live, (run) => String(podSummary(run).restarts), '0') },
    { title: 'AGE', cell: (pod, live) => ofRun(pod, live, (run) => formatAge(live.clock.nowMs() - run.startedMs), '0s') },
    { title: 'ADDRESS', cell: (pod, live) => ofRun(pod, live, addressOf, none), wide: true },
    { title: 'IDENTITY', cell: (pod, live) => ofRun(pod, live, ({ plan }) => live.security(plan).identity ?? none, none), wide: true },
  ],
  Service: [
    { title: 'TYPE', cell: ({ spec }) => spec.type ?? 'ClusterIP' },
    { title: 'CLUSTER-IP', cell: ({ spec }) => spec.clusterIP ?? none },
    { title: 'EXTERNAL-IP', cell: ({ spec }) => spec.externalName ?? list(spec.externalIPs) },
    { title: 'PORT(S)', cell: ({ spec }) => list(spec.ports?.map(({ port, protocol }) => `${port}/${protocol ?? 'TCP'}`)) },
    { title: 'SELECTOR', cell: ({ spec }) => labels(spec.selector), wide: true },
  ],
  Deployment: [...controllerColumns(), { title: 'STRATEGY', cell: ({ spec }) => spec.strategy?.type ?? 'RollingUpdate', wide: true }],
  ReplicaSet: controllerColumns(),
  StatefulSet: controllerColumns(),
  DaemonSet: controllerColumns(),
  Job: [
    { title: 'STATUS', cell: jobStatus },
    {
      title: 'COMPLETIONS',
      cell: (job, live) =>
        `${podsOf(job, live).filter(({ phase }) => phase === 'Succeeded').length}/${job.spec.completions ?? job.spec.parallelism ?? 1}`,
    },
  ],
  ConfigMap: [{ title: 'DATA', cell: ({ data }) => String(Object.keys(data ?? {}).length) }],
  Secret: [
    { title: 'TYPE', cell: ({ type }) => type ?? 'Opaque' },
    { title: 'DATA', cell: ({ data, stringData }) => String(Object.keys({ ...data, ...stringData }).length) },
  ],
  VirtualService: [
    { title: 'GATEWAYS', cell: ({ spec }) => json(spec.gateways) },
    { title: 'HOSTS', cell: ({ spec }) => json(spec.hosts) },
  ],
  DestinationRule: [{ title: 'HOST', cell: ({ spec }) => spec.host }],
  Gateway: [
    { title: 'SELECTOR', cell: ({ spec }) => labels(spec.selector) },
    { title: 'SERVERS', cell: ({ spec }) => list(spec.servers?.map(({ port }) => `${port.number}/${port.protocol}`)) },
    { title: 'HOSTS', cell: ({ spec }) => list([...new Set((spec.servers ?? []).flatMap(({ hosts }) => hosts))]), wide: true },
  ],
  ServiceEntry: [
    { title: 'HOSTS', cell: ({ spec }) => json(spec.hosts) },
    { title: 'LOCATION', cell: ({ spec }) => spec.location ?? '' },
    { title: 'RESOLUTION', cell: ({ spec }) => spec.resolution ?? '' },
  ],
  WorkloadEntry: [{ title: 'ADDRESS', cell: ({ spec }) => spec.address ?? '' }],
  PeerAuthentication: [{ title: 'MODE', cell: ({ spec }) => spec.mtls?.mode ?? '' }],
  AuthorizationPolicy: [{ title: 'ACTION', cell: ({ spec }) => spec.action ?? 'ALLOW' }],
  HTTPRoute: [{ title: 'HOSTNAMES', cell: ({ spec }) => json(spec.hostnames) }],
  GRPCRoute: [{ title: 'HOSTNAMES', cell: ({ spec }) => json(spec.hostnames) }],
  KubernetesGateway: [
    { title: 'CLASS', cell: ({ spec }) => spec.gatewayClassName },
    { title: 'LISTENERS', cell: ({ spec }) => list(spec.listeners?.map(({ port, protocol }) => `${port}/${protocol}`)) },
  ],
  GatewayClass: [{ title: 'CONTROLLER', cell: ({ spec }) => spec.controllerName }],
  Namespace: [{ title: 'STATUS', cell: () => 'Active' }],
};

/** Without the name. The last one is the same for all kinds. */
export function columnsOf<Kind extends KindName>(kind: Kind): readonly Column<Kind>[] {
  const from: Column<Kind> = { title: 'FROM', cell: ({ origins }) => formatOrigin(origins.start), ...(kind === 'Pod' && { wide: true as const }) };
  // The table's own type: each kind's columns take that kind.
  return [...((table[kind] ?? []) as readonly Column<Kind>[]), from];
}

type Controller = 'Deployment' | 'ReplicaSet' | 'StatefulSet' | 'DaemonSet';

type ControllerColumn = ResourceColumn & { readonly cell: (resource: KindMap[Controller], live: LiveMesh) => string };

function controllerColumns(): readonly ControllerColumn[] {
  return [
    { title: 'READY', cell: (controller, live) => `${readyOf(controller, live)}/${wantedOf(controller)}` },
    { title: 'UP-TO-DATE', cell: (controller, live) => String(podsOf(controller, live).filter((run) => isUpToDate(run, live)).length) },
    { title: 'AVAILABLE', cell: (controller, live) => String(readyOf(controller, live)) },
    { title: 'CONTAINERS', cell: ({ spec }) => list(spec.template.spec.containers.map(({ name }) => name)), wide: true },
    { title: 'IMAGES', cell: ({ spec }) => list(spec.template.spec.containers.map(({ image }) => image ?? '')), wide: true },
    { title: 'SELECTOR', cell: ({ spec }) => labels(spec.selector.matchLabels), wide: true },
  ];
}

export function wantedOf(controller: KindMap[Controller]): number {
  return controller.kind === 'DaemonSet' ? 1 : (controller.spec.replicas ?? 1);
}

/** The runs of a controller's pods, those that leave left out. */
export function podsOf({ kind, metadata }: AnyResource, live: Pick<LiveMesh, 'runs'>): readonly PodRun[] {
  return live
    .runs()
    .filter(
      ({ stopping, plan: { owner, pod } }) =>
        !stopping && owner?.kind === kind && owner.name === metadata.name && pod.metadata.namespace === metadata.namespace,
    );
}

/** Whether a run is what its plan asks for now. */
export function isUpToDate({ plan }: PodRun, live: Pick<LiveMesh, 'plan'>): boolean {
  return live.plan().pods.get(plan.key)?.fingerprint === plan.fingerprint;
}

function readyOf(controller: AnyResource, live: LiveMesh): number {
  return new Set(podsOf(controller, live).flatMap(({ ready, plan }) => (ready ? [plan.key] : []))).size;
}

function jobStatus(job: KindMap['Job'], live: LiveMesh): string {
  const phases = podsOf(job, live).map(({ phase }) => phase);
  if (job.spec.suspend === true) return 'Suspended';
  if (phases.includes('Failed')) return 'Failed';
  return phases.length > 0 && phases.every((phase) => phase === 'Succeeded') ? 'Complete' : 'Running';
}

function ofRun({ metadata: { namespace, name } }: KindMap['Pod'], live: LiveMesh, cell: (run: PodRun) => string, otherwise: string): string {
  const key = `${namespace}/${name}`;
  const run = live.current().find(({ plan }) => plan.key === key);
  return run === undefined ? otherwise : cell(run);
}

function addressOf({ ports, network }: PodRun): string {
  const first = Object.values(ports.inbound)[0];
  return network.choosesPorts && first !== undefined ? `${ports.address}:${first.listen}` : ports.address;
}

function list(words: readonly string[] | undefined): string {
  return words === undefined || words.length === 0 ? none : words.join(',');
}

function json(words: readonly string[] | undefined): string {
  return words === undefined ? '' : JSON.stringify(words);
}

function labels(of: Readonly<Record<string, string>> | undefined): string {
  return list(Object.entries(of ?? {}).map(([name, value]) => `${name}=${value}`));
}
