// How a service wants its traffic spread over localities, by Kubernetes' field or Istio's annotation. Source: Istio, GetTrafficDistribution.
import type { Service } from '#model/service.ts';

type Annotations = Readonly<Record<string, string>>;

const annotation = 'networking.istio.io/traffic-distribution';

/** `field` is Service.spec.trafficDistribution. A value that is not known means as if nothing were said at that place. */
export function trafficDistribution(field: string | undefined, own: Annotations, ofNamespace: Annotations): Service['trafficDistribution'] {
  const written = own[annotation] ?? '';
  return preference(field ?? '') ?? preference(written === '' ? (ofNamespace[annotation] ?? '') : written);
}

function preference(value: string): Service['trafficDistribution'] {
  switch (value.toLowerCase()) {
    case 'preferclose':
    case 'prefersamezone':
      return 'prefer-same-zone';
    case 'prefersamenode':
      return 'prefer-same-node';
    default:
      return undefined;
  }
}
