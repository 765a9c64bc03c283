// `heddle get`: a query in, a table with the resources out, of what is written and what runs. A name that is not there is answered with where it is.

import type { ResourceList, ResourceQuery, ResourceRow, VerbFailure } from '#admin/client/verbs.ts';
import type { AnyResource, KindName } from '#api/kinds.ts';
import { resourceKey } from '#api/resource.ts';
import { formatAge } from '#app/verbs/age.ts';
import { columnsOf } from '#app/verbs/columns.ts';
import { isNamespaced, labelOf, resolveKind, writtenKind } from '#app/verbs/kind-names.ts';
import type { LiveMesh } from '#app/verbs/live-mesh.ts';
import { plainResource } from '#app/verbs/plain-resource.ts';
import { podWithContainers } from '#app/verbs/pod-view.ts';
import { type LabelTest, readSelector } from '#app/verbs/selector.ts';
import { closest } from '#base/closest.ts';
import { failed, ok, type Result } from '#base/result.ts';

export function getResources(query: ResourceQuery, live: LiveMesh): Result<ResourceList, VerbFailure> {
  const resources = live.resources();
  const kind = resolveKind(query.kind, (name) => resources[name].size);
  if (!kind.ok) return kind;
  const selector = readSelector(query.selector ?? '');
  if (query.selector !== undefined && !selector.ok) {
    return failed({
      status: 400,
      error: `the selector has a part that cannot be read: ${selector.error}`,
      hint: 'as kubectl takes it: app=a,version!=v1',
    });
  }
  const test: LabelTest = query.selector !== undefined && selector.ok ? selector.value : () => true;
  const common = { kind: writtenKind(kind.value), label: labelOf(kind.value), namespaced: isNamespaced(kind.value) };
  if (kind.value === 'Event') return ok({ ...common, ...eventTable(query, live) });
  if (kind.value === 'Endpoints') return ok({ ...common, ...endpointTable(query, live, test) });
  const found = findResources(kind.value, query, live);
  if (!found.ok) return found;
  const columns = columnsOf(kind.value);
  const rows = found.value.filter(({ metadata }) => test(metadata.labels)).map((resource) => row(resource, columns, live));
  return ok({ ...common, columns: columns.map(({ cell: _cell, ...column }) => column), rows });
}

function row(resource: AnyResource, columns: readonly { readonly cell: (resource: never, live: LiveMesh) => string }[], live: LiveMesh): ResourceRow {
  const { name, namespace } = resource.metadata;
  // The columns are those of the resource's kind.
  const cells = columns.map(({ cell }) => cell(resource as never, live));
  return { name, namespace, cells, object: plainResource(withStatus(resource, live)) };
}

function withStatus(resource: AnyResource, live: LiveMesh): AnyResource {
  if (resource.kind !== 'Pod') return resource;
  const run = live.current().find(({ plan }) => plan.key === resourceKey(resource.metadata));
  return run === undefined ? resource : podWithContainers(resource, run);
}

/** In order of namespace and name. Fails where a name was given and there is none of it. */
export function findResources(
  kind: KindName,
  { name, namespace }: Pick<ResourceQuery, 'name' | 'namespace'>,
  live: Pick<LiveMesh, 'resources'>,
): Result<readonly AnyResource[], VerbFailure> {
  const all: readonly AnyResource[] = [...live.resources()[kind].values()];
  const inNamespace = isNamespaced(kind) && namespace !== undefined ? all.filter(({ metadata }) => metadata.namespace === namespace) : all;
  const found = name === undefined ? inNamespace : inNamespace.filter(({ metadata }) => metadata.name === name);
  if (name !== undefined && found.length === 0) return failed(notThere(kind, name, namespace, all));
  return ok(found.toSorted((a, b) => compare(a.metadata.namespace, b.metadata.namespace) || compare(a.metadata.name, b.metadata.name)));
}

/** The one of this name. */
export function findResource(kind: KindName, name: string, namespace: string, live: Pick<LiveMesh, 'resources'>): Result<AnyResource, VerbFailure> {
  const found = findResources(kind, { name, namespace }, live);
  if (!found.ok) return found;
  const [first] = found.value;
  return first === undefined ? failed(notThere(kind, name, namespace, [])) : ok(first);
}

function notThere(kind: KindName, name: string, namespace: string | undefined, all: readonly AnyResource[]): VerbFailure {
  const elsewhere = all.filter(({ metadata }) => metadata.name === name).map(({ metadata }) => metadata.namespace);
  const where = namespace === undefined || !isNamespaced(kind) ? '' : ` in namespace ${namespace}`;
  const error = `there is no ${writtenKind(kind)} ${name}${where}`;
  if (elsewhere.length > 0) return { status: 404, error, hint: `did you mean -n ${elsewhere.join(' or -n ')}?` };
  const here = all.filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace).map(({ metadata }) => metadata.name);
  const near = closest(name, here) ?? here.find((one) => one.startsWith(name));
  if (near !== undefined) return { status: 404, error, hint: `did you mean ${near}?` };
  return { status: 404, error, ...(here.length > 0 && { hint: `there are: ${here.slice(0, 10).join(', ')}${here.length > 10 ? ', ...' : ''}` }) };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

type Table = Pick<ResourceList, 'columns' | 'rows'>;

/** A Service's addresses, from its EndpointSlices. */
function endpointTable({ name, namespace }: ResourceQuery, live: LiveMesh, test: LabelTest): Table {
  const { Service, EndpointSlice } = live.resources();
  const slices = [...EndpointSlice.values()];
  const rows = [...Service.values()]
    .filter(
      ({ metadata }) =>
        (namespace === undefined || metadata.namespace === namespace) && (name === undefined || metadata.name === name) && test(metadata.labels),
    )
    .map((service): ResourceRow => {
      const { metadata } = service;
      const own = slices.filter(
        (one) => one.metadata.namespace === metadata.namespace && one.metadata.labels['kubernetes.io/service-name'] === metadata.name,
      );
      const of = (ready: boolean): readonly string[] => [
        ...new Set(
          own.flatMap(({ endpoints = [], ports = [] }) =>
            endpoints
              .filter(({ conditions }) => (conditions?.ready ?? true) === ready)
              .flatMap(({ addresses }) => addresses.flatMap((address) => ports.map(({ port }) => `${address}:${port}`))),
          ),
        ),
      ];
      const [ready, notReady] = [of(true), of(false)];
      const object = { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: metadata.name, namespace: metadata.namespace }, ready, notReady };
      return { name: metadata.name, namespace: metadata.namespace, cells: [shown(ready), shown(notReady)], object };
    });
  return { columns: [{ title: 'ENDPOINTS' }, { title: 'NOT-READY', wide: true }], rows };
}

function shown(addresses: readonly string[]): string {
  const most = 3;
  if (addresses.length === 0) return '<none>';
  return addresses.length <= most ? addresses.join(',') : `${addresses.slice(0, most).join(',')} + ${addresses.length - most} more...`;
}

function eventTable({ namespace, name }: ResourceQuery, live: LiveMesh): Table {
  const rows = live.events
    .all()
    .filter(
      ({ workload }) => (namespace === undefined || workload.startsWith(`${namespace}/`)) && (name === undefined || workload.endsWith(`/${name}`)),
    )
    .map(({ atMs, workload, type, reason, message }): ResourceRow => {
      const [inNamespace = '', pod = ''] = workload.split('/');
      const object = {
        apiVersion: 'v1',
        kind: 'Event',
        time: new Date(atMs).toISOString(),
        type,
        reason,
        message,
        involvedObject: { kind: 'Pod', namespace: inNamespace, name: pod },
      };
      return { name: `pod/${pod}`, namespace: inNamespace, cells: [formatAge(live.clock.nowMs() - atMs), type, reason, message], object };
    });
  return { columns: [{ title: 'AGE' }, { title: 'TYPE' }, { title: 'REASON' }, { title: 'MESSAGE' }], rows };
}
