// From what was typed to where requests go: past the mesh, through its gateway, or from one of its pods. Asks the running mesh where that is needed.
import { type AdminTarget, read } from '#admin/client/client.ts';
import type { ResourceList } from '#admin/client/verbs.ts';
import type { RunningMeshPlace } from '#app/find-mesh.ts';
import { gatewayCallTo, type PlainResource, servedHost } from '#app/load/gateway-call.ts';
import type { CalledService, LoadTarget } from '#app/load/load-target.ts';
import { isObject } from '#base/object.ts';
import { failed, ok, type Result } from '#base/result.ts';

export type Aim =
  | { readonly kind: 'here'; readonly url: string; readonly host?: string }
  | { readonly kind: 'pod'; readonly pod: string; readonly namespace: string; readonly what: CalledService | { readonly url: string } };

export type AimFailure = { readonly message: string; readonly hint?: string };

export type AimWish = {
  readonly target: LoadTarget;
  /** A pod, or what the names of pods begin with. */
  readonly from?: string;
  /** Of the pod, and of a Service that names none. */
  readonly namespace: string;
  /** The mesh that runs here, looked for when it is needed. */
  readonly mesh: () => Result<RunningMeshPlace, AimFailure>;
};

export async function aimLoad({ target, from, namespace, mesh }: AimWish): Promise<Result<Aim, AimFailure>> {
  if (target.kind === 'url' && from === undefined) return ok({ kind: 'here', url: target.url });
  const running = mesh();
  if (!running.ok) return running;
  const { state, target: admin } = running.value;
  if (from !== undefined) return aimFromPod(target, from, namespace, admin);
  const { gatewayUrl } = state;
  if (gatewayUrl === undefined)
    return failed({ message: 'the mesh has no gateway that takes plain HTTP', hint: 'say where the requests come from: --from WORKLOAD; or a URL' });
  if (target.kind === 'path') {
    const gateways = await listed(admin, 'gateways.networking.istio.io', undefined);
    if (!gateways.ok) return gateways;
    return here(`${gatewayUrl}${target.path}`, servedHost(gateways.value));
  }
  if (target.kind === 'url') return ok({ kind: 'here', url: target.url });
  return aimThroughGateway(target, namespace, gatewayUrl, admin);
}

async function aimThroughGateway(
  target: Extract<LoadTarget, { readonly kind: 'service' }>,
  namespace: string,
  gatewayUrl: string,
  admin: AdminTarget,
): Promise<Result<Aim, AimFailure>> {
  const service = await serviceOf(target, namespace, admin);
  if (!service.ok) return service;
  const [virtualServices, httpRoutes, ingresses] = await Promise.all(
    ['virtualservices', 'httproutes', 'ingresses'].map((kind) => listed(admin, kind, undefined)),
  );
  if (virtualServices?.ok !== true || httpRoutes?.ok !== true || ingresses?.ok !== true)
    return failed({ message: 'the mesh does not say which routes it has', hint: 'heddle status' });
  const routes = { virtualServices: virtualServices.value, httpRoutes: httpRoutes.value, ingresses: ingresses.value };
  const call = gatewayCallTo(service.value.name, service.value.namespace, routes);
  if (call === undefined) {
    const hint = 'load it from inside the mesh: --from WORKLOAD';
    return failed({ message: `no route of a gateway leads to Service ${target.name} in namespace ${service.value.namespace}`, hint });
  }
  return here(`${gatewayUrl}${target.path === '' ? call.path : target.path}`, call.host);
}

function here(url: string, host: string | undefined): Result<Aim, AimFailure> {
  return ok({ kind: 'here', url, ...(host !== undefined && { host }) });
}

async function aimFromPod(target: LoadTarget, from: string, namespace: string, admin: AdminTarget): Promise<Result<Aim, AimFailure>> {
  if (target.kind === 'path') return failed({ message: 'a path alone means the gateway', hint: 'with --from name a Service, or a URL' });
  const pods = await listed(admin, 'pods', namespace);
  if (!pods.ok) return pods;
  const names = pods.value.map(({ object }) => nameOf(object));
  const name = names.find((one) => one === from) ?? names.find((one) => one.startsWith(`${from}-`));
  const pod = pods.value[names.indexOf(name ?? '')];
  if (name === undefined || pod === undefined) {
    const hint = names.length === 0 ? 'heddle get pods -A' : `there are: ${names.join(', ')}`;
    return failed({ message: `there is no pod ${from} in namespace ${namespace}`, hint });
  }
  if (isGateway(pod.object)) return failed({ message: `${name} is a gateway`, hint: 'what comes through it is loaded without --from' });
  if (target.kind === 'url') return ok({ kind: 'pod', pod: name, namespace, what: { url: target.url } });
  const service = await serviceOf(target, namespace, admin);
  return service.ok ? ok({ kind: 'pod', pod: name, namespace, what: service.value }) : service;
}

/** The Service, with its first port where none was typed. */
async function serviceOf(
  { name, namespace: named, port, path }: Extract<LoadTarget, { readonly kind: 'service' }>,
  namespace: string,
  admin: AdminTarget,
): Promise<Result<CalledService, AimFailure>> {
  const of = named ?? namespace;
  const services = await listed(admin, 'services', of);
  if (!services.ok) return services;
  const known = services.value.map(({ object }) => nameOf(object));
  const service = services.value[known.indexOf(name)];
  if (service === undefined) {
    const asUrl = port === undefined ? '' : `; a URL begins with its scheme: http://${name}${named === undefined ? '' : `.${named}`}:${port}/`;
    return failed({ message: `there is no Service ${name} in namespace ${of}`, hint: `there are: ${known.join(', ')}${asUrl}` });
  }
  const ports = portsOf(service.object);
  if (port !== undefined && !ports.includes(port))
    return failed({ message: `Service ${name} has no port ${port}`, hint: `it has: ${ports.join(', ')}` });
  const [first] = ports;
  if (first === undefined) return failed({ message: `Service ${name} has no port` });
  return ok({ name, namespace: of, port: port ?? first, path: path === '' ? '/' : path });
}

async function listed(admin: AdminTarget, kind: string, namespace: string | undefined): Promise<Result<readonly PlainResource[], AimFailure>> {
  const answer = await read(admin, '/get', { kind, namespace });
  if (!answer.ok) {
    const { status, error, hint } = answer.error;
    const message = status === 'unreachable' ? `the mesh does not answer: ${error}` : error;
    return failed({ message, ...(hint !== undefined && { hint }) });
  }
  return ok((answer.value as ResourceList).rows); // what this API answers: verbs.ts
}

function nameOf(object: object): string {
  const { metadata } = object as { readonly metadata?: { readonly name?: string } }; // as all resources are
  return metadata?.name ?? '';
}

function portsOf(object: object): readonly number[] {
  const { spec } = object as { readonly spec?: { readonly ports?: readonly { readonly port: number }[] } }; // a Service
  return (spec?.ports ?? []).map(({ port }) => port);
}

/** A pod that is nothing but a proxy. */
function isGateway(object: object): boolean {
  const spec: unknown = 'spec' in object ? object.spec : undefined;
  const containers = isObject(spec) && Array.isArray(spec['containers']) ? spec['containers'] : [];
  return containers.length > 0 && containers.every((one) => isObject(one) && one['name'] === 'istio-proxy');
}
