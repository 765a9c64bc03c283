// Where a workload runs, from what users and Kubernetes say about it.
import { type Locality, localityOfLabels, parseLocality, topologyLabels } from '#model/locality.ts';

type Labels = Readonly<Record<string, string>>;

/** `region/zone/subzone` as a field says it; undefined where it says nothing. */
export function writtenLocality(text: string | undefined): Locality | undefined {
  return text === undefined || text === '' ? undefined : parseLocality(text);
}

/**
 * The locality of a workload by its labels: `topology.istio.io/locality`, then what `localityOfLabels` knows; else by those of its node.
 * Source: Istio, getPodLocality and GetLocalityLabel.
 */
export function workloadLocality(labels: Labels, nodeLabels: Labels = {}): Locality | undefined {
  const stated = labels['topology.istio.io/locality'] ?? '';
  if (stated !== '') return parseLocality(stated, stated.includes('/') ? '/' : '.');
  return localityOfLabels(labels) ?? localityOfLabels(nodeLabels);
}

type Place = { readonly locality?: Locality; readonly network?: string; readonly node?: string };

/** A workload's labels with where it runs, which subsets and failover priorities may ask for. Source: Istio, AugmentLabels. */
export function withTopology(labels: Labels, { locality, network, node }: Place): Labels {
  if (locality === undefined && network === undefined && node === undefined) return labels;
  const known: Record<string, string> = {};
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== '' && labels[name] === undefined) known[name] = value;
  };
  add(topologyLabels.region, locality?.region);
  add(topologyLabels.zone, locality?.zone);
  add(topologyLabels.subZone, locality?.subZone);
  add(topologyLabels.host, node);
  add(topologyLabels.network, network);
  return Object.keys(known).length === 0 ? labels : { ...labels, ...known };
}
