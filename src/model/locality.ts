// Where something runs: region, zone and sub-zone, each '' where unknown; written `region/zone/subZone`.

export type Locality = { readonly region: string; readonly zone: string; readonly subZone: string };

/** Names of the labels that tell where a workload runs. Source: Kubernetes' well-known labels and Istio's. */
export const topologyLabels = {
  region: 'topology.kubernetes.io/region',
  zone: 'topology.kubernetes.io/zone',
  subZone: 'topology.istio.io/subzone',
  network: 'topology.istio.io/network',
  host: 'kubernetes.io/hostname',
} as const;

/** `us-west/zone1` → its parts; what is not written is ''. */
export function parseLocality(text: string, separator = '/'): Locality {
  const [region = '', zone = '', subZone = ''] = text.split(separator);
  return { region, zone, subZone };
}

/** `us-west/zone1`, up to the first part that is not known. */
export function formatLocality({ region, zone, subZone }: Locality): string {
  if (zone === '') return region;
  return subZone === '' ? `${region}/${zone}` : `${region}/${zone}/${subZone}`;
}

/** Whether a locality is among those that `rule` stands for: `*` and what is not written match anything. Source: Istio, LocalityMatch. */
export function localityMatches(locality: Locality, rule: string): boolean {
  const { region, zone, subZone } = parseLocality(rule);
  const fits = (wanted: string, found: string): boolean => wanted === '*' || wanted === '' || wanted === found;
  return (region === '*' || region === locality.region) && fits(zone, locality.zone) && fits(subZone, locality.subZone);
}

/**
 * The locality that labels of a workload tell: Istio's label `istio-locality` (`region.zone.subzone`, or with slashes) first, then the labels
 * that Kubernetes gives to nodes. Undefined where they tell nothing. Source: Istio, LocalityLabel and getPodLocality.
 */
export function localityOfLabels(labels: Readonly<Record<string, string>>): Locality | undefined {
  const written = labels['istio-locality'] ?? '';
  if (written !== '') return parseLocality(written, written.includes('/') ? '/' : '.');
  const region = labels[topologyLabels.region] ?? labels['failure-domain.beta.kubernetes.io/region'] ?? '';
  const zone = labels[topologyLabels.zone] ?? labels['failure-domain.beta.kubernetes.io/zone'] ?? '';
  const subZone = labels[topologyLabels.subZone] ?? '';
  return region === '' && zone === '' && subZone === '' ? undefined : { region, zone, subZone };
}
