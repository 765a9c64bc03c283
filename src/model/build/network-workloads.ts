// In: workloads, and what is written about networks. Out: the same workloads, each with its network; and the entries that cannot be reached, as the gateway
// to their network is not known.
import type { KindMap, ResourcesByKind } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Origin } from '#base/origin.ts';
import type { BuildMemo } from '#model/build/build-memo.ts';
import { inNetwork } from '#model/build/mesh-networks.ts';
import type { SettingsResult } from '#model/build/mesh-settings.ts';
import { topologyLabels } from '#model/locality.ts';
import type { MeshSettings } from '#model/mesh.ts';
import type { NetworkPlan, Networks } from '#model/network.ts';
import type { Workload } from '#model/workload.ts';

const nothingWritten: NetworkPlan = { blocks: [], gateways: [] };

/** The root namespace may say by a label in which network this cluster is. */
export function settingsWithNetwork(written: SettingsResult, root: KindMap['Namespace']): SettingsResult {
  const ofNamespace = root.metadata.labels[topologyLabels.network] ?? '';
  if (ofNamespace === '') return written;
  const networkPlan = { ...(written.settings.networkPlan ?? nothingWritten), ofNamespace };
  return { ...written, settings: { ...written.settings, networkPlan } };
}

/** The same map where nobody speaks of networks. */
export function inNetworks(
  name: string,
  workloads: ReadonlyMap<string, Workload>,
  { networkPlan }: MeshSettings,
  memo: BuildMemo,
): ReadonlyMap<string, Workload> {
  if (networkPlan === undefined) return workloads;
  return memo.workloadMaps.get(`${name} in networks`, [workloads, networkPlan], () => {
    const placed = [...workloads].map(([key, workload]): [string, Workload] => [
      key,
      memo.workloads.get([workload, networkPlan], 'network', () => inNetwork(workload, networkPlan)),
    ]);
    return new Map(placed);
  });
}

/** HDL0042 for WorkloadEntries, and endpoints of ServiceEntries, without an address and without a gateway to their network. */
export function unreachableEntries(
  { ServiceEntry, WorkloadEntry }: Pick<ResourcesByKind, 'ServiceEntry' | 'WorkloadEntry'>,
  networks: Networks | undefined,
): readonly Diagnostic[] {
  const isUnreachable = ({ address = '', network = '' }: { readonly address?: string; readonly network?: string }): boolean =>
    address === '' && networks?.gateways.has(network) !== true;
  const finding = (network: string, at: Origin): Diagnostic => ({
    code: 'HDL0042',
    severity: 'warning',
    message: `no gateway to network ${network} is known, so this endpoint is left out`,
    hint: 'add the address, or a gateway: a Service with the label topology.istio.io/network, or one in MeshNetworks',
    at,
  });
  return [
    ...[...ServiceEntry.values()].flatMap(({ spec, origins }) =>
      (spec.endpoints ?? []).flatMap((endpoint, index) =>
        isUnreachable(endpoint) ? [finding(endpoint.network ?? '', origins.at(['spec', 'endpoints', index]))] : [],
      ),
    ),
    ...[...WorkloadEntry.values()].flatMap(({ spec, origins }) => (isUnreachable(spec) ? [finding(spec.network ?? '', origins.at(['spec']))] : [])),
  ];
}
