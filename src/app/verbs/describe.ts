// `heddle describe`: everything that a user of a cluster looks up in five places: what a resource says, what runs of it, which findings and policies are
// about it, which ports take what, and what happened lately.

import type { DescribedSection, Description, ResourceName, VerbFailure } from '#admin/client/verbs.ts';
import type { AnyResource, KindMap } from '#api/kinds.ts';
import { resourceKey } from '#api/resource.ts';
import { formatAge } from '#app/verbs/age.ts';
import { columnsOf, podsOf } from '#app/verbs/columns.ts';
import { findResource } from '#app/verbs/get.ts';
import { resolveKind, writtenKind } from '#app/verbs/kind-names.ts';
import type { LiveMesh } from '#app/verbs/live-mesh.ts';
import { podSummary } from '#app/verbs/pod-view.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { formatOrigin } from '#base/origin.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { describeState } from '#runtime/container-state.ts';
import { listeningPorts } from '#runtime/listening-ports.ts';
import { podAddresses } from '#runtime/network.ts';
import { selects, targetPort } from '#runtime/pod-ports.ts';
import type { PodRun } from '#runtime/pod-run.ts';

export function describeResource({ kind: word, name, namespace }: ResourceName, live: LiveMesh): Result<Description, VerbFailure> {
  const resources = live.resources();
  const kind = resolveKind(word, (one) => resources[one].size);
  if (!kind.ok) return kind;
  if (kind.value === 'Endpoints' || kind.value === 'Event') {
    return failed({
      status: 400,
      error: `${word} cannot be described`,
      hint: kind.value === 'Event' ? 'heddle get events' : `heddle describe service ${name}`,
    });
  }
  const found = findResource(kind.value, name, namespace, live);
  if (!found.ok) return found;
  const resource = found.value;
  const sections = [general(resource, live), ...ofKind(resource, live), findings(resource, live), ...events(resource, live)];
  return ok({ sections: sections.filter(hasContent) });
}

function hasContent({ pairs = [], table = [], lines = [] }: DescribedSection): boolean {
  return pairs.length + table.length + lines.length > 0;
}

function general(resource: AnyResource, live: LiveMesh): DescribedSection {
  const { name, namespace, labels, annotations } = resource.metadata;
  const columns: readonly { readonly title: string; readonly cell: (of: never, live: LiveMesh) => string }[] = columnsOf(resource.kind);
  const own = columns
    .filter(({ title }) => title !== 'FROM' && resource.kind !== 'Pod')
    // The columns are those of the resource's kind.
    .map(({ title, cell }): readonly [string, string] => [titled(title), cell(resource as never, live)]);
  return {
    heading: '',
    pairs: [
      ['Name', name],
      ...(namespace === '' ? [] : ([['Namespace', namespace]] as const)),
      ['Kind', writtenKind(resource.kind)],
      ['From', formatOrigin(resource.origins.start)],
      ...pairs('Labels', labels),
      ...pairs('Annotations', annotations),
      ...own,
    ],
  };
}

/** `READY` → `Ready`. */
function titled(title: string): string {
  return `${title.slice(0, 1)}${title.slice(1).toLowerCase()}`;
}

function pairs(title: string, values: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(values).map(([name, value], index) => [index === 0 ? title : '', `${name}=${value}`]);
}

function ofKind(resource: AnyResource, live: LiveMesh): readonly DescribedSection[] {
  switch (resource.kind) {
    case 'Pod':
      return ofPod(resource, live);
    case 'Service':
      return ofService(resource, live);
    case 'Deployment':
    case 'ReplicaSet':
    case 'StatefulSet':
    case 'DaemonSet':
    case 'Job':
      return [podTable(podsOf(resource, live))];
    case 'PeerAuthentication':
    case 'RequestAuthentication':
    case 'AuthorizationPolicy':
      return ofPolicy(resource, live);
    case 'Secret':
    case 'ConfigMap':
      return [];
    default:
      return 'spec' in resource ? [{ heading: 'Spec', lines: JSON.stringify(resource.spec, null, 2).split('\n') }] : [];
  }
}

function ofPod(pod: KindMap['Pod'], live: LiveMesh): readonly DescribedSection[] {
  const run = live.current().find(({ plan }) => plan.key === resourceKey(pod.metadata));
  if (run === undefined) return [{ heading: 'Status', lines: ['it does not run'] }];
  const { plan, proxy, network } = run;
  const { ready, status, restarts } = podSummary(run);
  const { identity, mtls = {} } = live.security(plan);
  const connected = live.proxies().find(({ name }) => name === `${pod.metadata.name}.${pod.metadata.namespace}`);
  const proxyPairs: readonly (readonly [string, string])[] = network.hasProxy
    ? [
        ['Ready', proxy.ready ? 'yes' : 'no'],
        ['Configuration', connected === undefined ? 'not connected' : connected.connected ? connected.state : 'not connected'],
        ...(proxy.admin === undefined ? [] : ([['Admin', `http://${proxy.admin}`]] as const)),
        ...(proxy.metrics === undefined ? [] : ([['Metrics', `http://${proxy.metrics}/stats/prometheus`]] as const)),
        ['Restarts', String(proxy.restarts)],
      ]
    : [];
  return [
    {
      heading: 'Status',
      pairs: [
        ['Status', status],
        ['Ready', `${ready}${run.ready ? '' : ` (${run.reason})`}`],
        ['Restarts', String(restarts)],
        ['Age', formatAge(live.clock.nowMs() - run.startedMs)],
        ['Address', podAddresses(network).join(', ')],
        ...(plan.owner === undefined ? [] : ([['Made by', `${plan.owner.kind} ${plan.owner.name}`]] as const)),
        ['Identity', identity ?? '<none>'],
      ],
    },
    { heading: 'Ports', table: portTable(run, mtls, live) },
    { heading: 'Containers', table: containerTable(run) },
    { heading: 'Proxy', pairs: proxyPairs },
    { heading: 'Policies', table: policyTable(`${pod.metadata.name}.${pod.metadata.namespace}`, live) },
  ];
}

/** Each port with what it takes, where it is here, and the Services that lead to it. */
function portTable({ plan, ports, containers }: PodRun, mtls: Readonly<Record<string, string>>, live: LiveMesh): readonly (readonly string[])[] {
  const services = [...live.resources().Service.values()].filter((service) => selects(service, plan.pod));
  const open = containers.flatMap(({ pid }) => (pid === undefined ? [] : listeningPorts(pid)));
  const rows = plan.inbound.map((port) => {
    const { listen, app } = ports.inbound[port] ?? {};
    // Where nothing is known to listen it may be that this system does not tell.
    const isServed = open.length === 0 || (app !== undefined && open.includes(app));
    const leading = services.flatMap(({ metadata, spec }) =>
      (spec.ports ?? []).filter((one) => targetPort(plan.pod, one) === port).map((one) => `${metadata.name}:${one.port}`),
    );
    return [
      String(port),
      mtls[port] ?? '-',
      listen === undefined ? '-' : String(listen),
      app === undefined ? '-' : `${app}${isServed ? '' : ` (nothing listens; the pod listens on ${open.join(', ')})`}`,
      leading.join(', ') || '-',
    ];
  });
  return rows.length === 0 ? [] : [['PORT', 'MTLS', 'PROXY', 'APPLICATION', 'SERVICES'], ...rows];
}

function containerTable(run: PodRun): readonly (readonly string[])[] {
  const rows = run.containers.map(({ name, ready, reason, restarts, state, lastEnd, pid }) => [
    name,
    ready ? 'yes' : `no${reason === '' ? '' : ` (${reason})`}`,
    describeState(state),
    lastEnd === undefined || lastEnd === state ? '-' : describeState(lastEnd),
    String(restarts),
    pid === undefined ? '-' : String(pid),
  ]);
  return rows.length === 0 ? [] : [['NAME', 'READY', 'STATE', 'LAST END', 'RESTARTS', 'PID'], ...rows];
}

function policyTable(proxy: string, live: LiveMesh): readonly (readonly string[])[] {
  const rows = live.policies().flatMap(({ kind, policy, at, action, proxies }) => {
    const enforced = proxies.find(({ name }) => name === proxy);
    return enforced === undefined ? [] : [[kind, policy, action ?? '-', enforced.state === 'synced' ? 'enforced' : enforced.state, at]];
  });
  return rows.length === 0 ? [] : [['KIND', 'POLICY', 'ACTION', 'STATE', 'FROM'], ...rows];
}

function ofService(service: KindMap['Service'], live: LiveMesh): readonly DescribedSection[] {
  const runs = live.current().filter(({ plan }) => selects(service, plan.pod));
  const rows = runs.flatMap((run) =>
    (service.spec.ports ?? []).map((port) => {
      const target = targetPort(run.plan.pod, port);
      const listen = target === undefined ? undefined : run.ports.inbound[target]?.listen;
      const leads = listen === undefined ? 'no such port' : `${run.ports.address}:${listen}`;
      return [
        `${port.port}${port.name === undefined ? '' : ` (${port.name})`}`,
        run.plan.pod.metadata.name,
        leads,
        run.ready ? 'yes' : `no (${run.reason})`,
      ];
    }),
  );
  const lines = rows.length === 0 ? ['none: no pod that runs has the labels of its selector'] : [];
  return [{ heading: 'Endpoints', ...(rows.length > 0 && { table: [['PORT', 'POD', 'ADDRESS', 'READY'], ...rows] }), lines }];
}

function podTable(runs: readonly PodRun[]): DescribedSection {
  const rows = runs.map((run) => {
    const { ready, status, restarts } = podSummary(run);
    return [run.plan.pod.metadata.name, ready, status, String(restarts)];
  });
  return rows.length === 0
    ? { heading: 'Pods', lines: ['none runs'] }
    : { heading: 'Pods', table: [['NAME', 'READY', 'STATUS', 'RESTARTS'], ...rows] };
}

function ofPolicy(policy: AnyResource, live: LiveMesh): readonly DescribedSection[] {
  const view = live.policies().find((one) => one.kind === policy.kind && one.policy === resourceKey(policy.metadata));
  const spec: DescribedSection = { heading: 'Spec', lines: JSON.stringify('spec' in policy ? policy.spec : {}, null, 2).split('\n') };
  if (view === undefined) return [spec, { heading: 'Enforced by', lines: ['nobody: it is not in force'] }];
  const rows = view.proxies.map(({ name, state }) => [name, state === 'synced' ? 'enforced' : state]);
  const without = view.withoutProxy.map((name) => [name, 'has no proxy: nobody enforces it there']);
  const all = [...rows, ...without];
  return [
    spec,
    all.length === 0
      ? { heading: 'Enforced by', lines: ['nobody: no workload is chosen by it'] }
      : { heading: 'Enforced by', table: [['WORKLOAD', 'STATE'], ...all] },
  ];
}

/** Findings whose place lies in the resource, or that name it. */
function findings(resource: AnyResource, live: LiveMesh): DescribedSection {
  const name = resource.origins.start.resource;
  const { file, line } = resource.origins.start;
  const isAbout = ({ at }: Diagnostic): boolean =>
    at !== undefined && (name === undefined ? at.file === file && at.line === line : at.resource === name && at.file === file);
  return {
    heading: 'Findings',
    lines: live
      .diagnostics()
      .filter(isAbout)
      .flatMap(({ severity, code, message, hint, at }) => [
        `${severity} [${code}] ${message}${at === undefined ? '' : ` (${formatOrigin(at)})`}`,
        ...(hint === undefined ? [] : [`  ${hint}`]),
      ]),
  };
}

/** Of a pod, or of the pods of a controller. */
function events(resource: AnyResource, live: LiveMesh): readonly DescribedSection[] {
  const keys = resource.kind === 'Pod' ? [resourceKey(resource.metadata)] : podsOf(resource, live).map(({ plan }) => plan.key);
  const all = keys.flatMap((key) => live.events.of(key)).toSorted((a, b) => a.atMs - b.atMs);
  const most = 20;
  const rows = all
    .slice(-most)
    .map(({ atMs, type, reason, message, workload }) => [
      formatAge(live.clock.nowMs() - atMs),
      type,
      reason,
      resource.kind === 'Pod' ? message : `${workload.split('/')[1] ?? ''}: ${message}`,
    ]);
  return rows.length === 0 ? [] : [{ heading: 'Events', table: [['AGE', 'TYPE', 'REASON', 'MESSAGE'], ...rows] }];
}
