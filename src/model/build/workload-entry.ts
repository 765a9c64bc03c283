// In: what WorkloadEntries, and the endpoints that stand in a ServiceEntry, say of a workload. Out: workloads, as selectors choose among
// them. The labels of the metadata count before those of the spec (Istio, ConvertWorkloadEntry).
import type { WorkloadEntrySpec } from '#api/istio/workload-entry.ts';
import type { KindMap, ResourcesByKind } from '#api/kinds.ts';
import type { Origin } from '#base/origin.ts';
import type { BuildMemo } from '#model/build/build-memo.ts';
import { workloadLocality, writtenLocality } from '#model/build/locality.ts';
import { topologyLabels } from '#model/locality.ts';
import type { Workload } from '#model/workload.ts';

type WorkloadEntryResource = KindMap['WorkloadEntry'];

/** Where health checks are on (by annotation), an entry counts once its status says that it is healthy. */
export const healthCheckAnnotation = 'proxy.istio.io/health-checks-enabled';

/** By `namespace/name`. */
export function buildWorkloadEntries({ WorkloadEntry }: Pick<ResourcesByKind, 'WorkloadEntry'>, memo: BuildMemo): ReadonlyMap<string, Workload> {
  return memo.workloadMaps.get('workload entries', [WorkloadEntry], () => {
    const entries = [...WorkloadEntry].map(([key, resource]): [string, Workload] => [
      key,
      memo.workloads.get([resource], 'workload entry', () => toWorkload(resource)),
    ]);
    return new Map(entries);
  });
}

function toWorkload({ metadata, spec, status, origins }: WorkloadEntryResource): Workload {
  const labels = spec.labels === undefined ? metadata.labels : { ...spec.labels, ...metadata.labels };
  const checked = metadata.annotations[healthCheckAnnotation] === 'true';
  const ready = !checked || status?.conditions?.find(({ type }) => type === 'Healthy')?.status === 'True';
  return { ...workloadOf({ ...spec, labels }, metadata, origins.start), annotations: metadata.annotations, ready };
}

/** A workload from the fields of an entry; `name` and `namespace` are what it is called. */
export function workloadOf(
  { address = '', ports = {}, labels = {}, network: written = '', locality, weight, serviceAccount = '' }: WorkloadEntrySpec,
  { name, namespace }: { readonly name: string; readonly namespace: string },
  origin: Origin,
): Workload {
  const place = writtenLocality(locality) ?? workloadLocality(labels);
  const network = written === '' ? (labels[topologyLabels.network] ?? '') : written;
  return {
    kind: 'workload-entry',
    name,
    namespace,
    labels,
    annotations: {},
    serviceAccount,
    address,
    ports: Object.entries(ports).map(([port, number]) => ({ name: port, number })),
    ready: true,
    ...(place !== undefined && { locality: place }),
    ...(network !== '' && { network }),
    ...(weight !== undefined && weight !== 0 && { weight }),
    origin,
  };
}
