// What a process that joins the mesh is there: a Pod, and the Service that it is an endpoint of where that does not exist yet. Pure: a request and what
// is known in; resources, or what is wrong with the request, out.
import type { RunRequest } from '#admin/client/run-messages.ts';
import type { VerbFailure } from '#admin/client/verbs.ts';
import type { KindMap, ResourcesByKind } from '#api/kinds.ts';
import { madeResource } from '#api/made-resource.ts';
import { isNamespaced } from '#app/verbs/kind-names.ts';
import { closest } from '#base/closest.ts';
import type { Origin } from '#base/origin.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { NetworkKind } from '#runtime/network-kind.ts';

export type RunResources = { readonly pod: KindMap['Pod']; readonly service?: KindMap['Service'] };

type Service = KindMap['Service'];
type ServicePort = NonNullable<Service['spec']['ports']>[number];

/** Where it listens, and what a Service calls that port. */
type Place = { readonly labels: Readonly<Record<string, string>>; readonly port?: { readonly containerPort: number; readonly name?: string } };

/** `taken`: names of pods and their controllers, `namespace/name`. */
export function runResources(
  request: RunRequest,
  resources: ResourcesByKind,
  taken: ReadonlySet<string>,
  network: NetworkKind,
): Result<RunResources, VerbFailure> {
  const { workload, namespace, service: wanted, port, protocol = 'http' } = request;
  const fault = nameFault(workload) ?? namespaceFault(namespace, resources);
  if (fault !== undefined) return failed(fault);
  if (taken.has(`${namespace}/${workload}`)) {
    return failed({
      status: 409,
      error: `there is a workload ${workload} in namespace ${namespace} already`,
      hint: 'take another name, or end that one',
    });
  }
  const existing = wanted === undefined ? undefined : resources.Service.get(`${namespace}/${wanted}`);
  if (wanted !== undefined && existing === undefined) {
    const bad = nameFault(wanted) ?? (port === undefined ? unknownService(wanted, namespace, resources) : undefined);
    if (bad !== undefined) return failed(bad);
  }
  const place = existing === undefined ? newPlace(request) : placeIn(existing, port);
  if (!place.ok) return place;
  const origin: Origin = { file: `heddle run --workload ${workload}`, line: 0, col: 0 };
  const pod = podOf(request, place.value, network, origin);
  if (wanted === undefined || existing !== undefined || port === undefined) return ok({ pod });
  const ports = [{ name: protocol, port, targetPort: port }];
  return ok({
    pod,
    service: madeResource('Service', { name: wanted, namespace, labels: { app: wanted } }, { spec: { selector: { app: wanted }, ports } }, origin),
  });
}

/** RFC 1123, as Kubernetes has it for names that become host names. */
function nameFault(name: string): VerbFailure | undefined {
  if (/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) return undefined;
  return { status: 400, error: `'${name}' is no name: lower-case letters, digits and '-', at most 63`, hint: 'such as: --workload debug-1' };
}

function namespaceFault(namespace: string, resources: ResourcesByKind): VerbFailure | undefined {
  const known = new Set(['default', ...resources.Namespace.keys()].map((key) => key.replace(/^\//, '')));
  for (const ofKind of Object.values(resources)) {
    for (const { kind, metadata } of ofKind.values()) if (isNamespaced(kind) && metadata.namespace !== '') known.add(metadata.namespace);
  }
  if (known.has(namespace)) return undefined;
  const near = closest(namespace, known);
  return {
    status: 404,
    error: `the mesh knows no namespace ${namespace}`,
    hint: near === undefined ? `there are: ${[...known].sort().join(', ')}` : `did you mean ${near}?`,
  };
}

function unknownService(name: string, namespace: string, { Service }: ResourcesByKind): VerbFailure {
  const known = [...Service.values()].filter(({ metadata }) => metadata.namespace === namespace).map(({ metadata }) => metadata.name);
  const near = closest(name, known);
  const hint = near === undefined ? '' : `did you mean ${near}? `;
  return {
    status: 404,
    error: `there is no Service ${name} in namespace ${namespace}`,
    hint: `${hint}To make it, say where the command listens: --port`,
  };
}

function newPlace({ workload, service, port }: RunRequest): Result<Place, VerbFailure> {
  return ok({ labels: { app: service ?? workload }, ...(port !== undefined && { port: { containerPort: port } }) });
}

/** An endpoint has the labels that the Service selects, and listens where it sends. */
function placeIn({ metadata: { name }, spec }: Service, port: number | undefined): Result<Place, VerbFailure> {
  const { selector: labels = {}, ports = [] } = spec;
  if (Object.keys(labels).length === 0) {
    return failed({ status: 409, error: `Service ${name} selects no pods: its endpoints are written by hand`, hint: 'name another Service' });
  }
  if (port === undefined) {
    const [only, ...more] = ports;
    const target = only === undefined ? undefined : targetOf(only);
    if (typeof target === 'number' && more.length === 0) return ok({ labels, port: { containerPort: target } });
    return failed({ status: 400, error: `where does the command listen? Service ${name} ${described(ports)}`, hint: 'say it: --port' });
  }
  const byNumber = ports.find((one) => targetOf(one) === port);
  if (byNumber !== undefined) return ok({ labels, port: { containerPort: port } });
  // A name stands for whichever port has it in that pod.
  const byName = ports.find((one) => typeof targetOf(one) === 'string');
  if (byName !== undefined) return ok({ labels, port: { containerPort: port, name: String(targetOf(byName)) } });
  const meant = ports.find((one) => one.port === port);
  const target = meant === undefined ? undefined : targetOf(meant);
  return failed({
    status: 409,
    error: `Service ${name} does not send to port ${port}: it ${described(ports)}`,
    hint: `let the command listen where it sends: --port ${target ?? targetOf(ports[0] ?? { port })}`,
  });
}

function targetOf({ port, targetPort = port }: Pick<ServicePort, 'port' | 'targetPort'>): number | string {
  return targetPort;
}

function described(ports: readonly ServicePort[]): string {
  if (ports.length === 0) return 'has no ports';
  return `sends ${ports.map((one) => `${one.port} to ${targetOf(one)}`).join(', ')}`;
}

function podOf(request: RunRequest, { labels, port }: Place, network: NetworkKind, origin: Origin): KindMap['Pod'] {
  const { workload, namespace, serviceAccount = workload, command } = request;
  const probe = port === undefined ? {} : { readinessProbe: { tcpSocket: { port: port.containerPort }, periodSeconds: 1, timeoutSeconds: 1 } };
  const container = {
    name: workload,
    command: [...command],
    ...(port !== undefined && { ports: [{ ...port, ...(port.name === undefined && { name: 'served' }) }] }),
    ...probe,
    // All pods are on one address, and nobody else shall reach them.
    ...(network === 'loopback' && { env: [{ name: 'HOST', value: '127.0.0.1' }] }),
  };
  const spec = { serviceAccountName: serviceAccount, restartPolicy: 'Never' as const, containers: [container] };
  return madeResource('Pod', { name: workload, namespace, labels: { ...labels, ...request.labels } }, { spec }, origin);
}
