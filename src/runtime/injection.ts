// Whether a pod gets a sidecar.
import type { PodPlan } from '#runtime/pod-plan.ts';

const injection = 'sidecar.istio.io/inject';

/** Istio: the label, and where there is none the annotation, `sidecar.istio.io/inject: "false"` refuses a sidecar. A gateway is nothing else. */
export function hasProxy({ isGateway, pod: { metadata } }: Pick<PodPlan, 'isGateway' | 'pod'>): boolean {
  return isGateway || (metadata.labels[injection] ?? metadata.annotations[injection]) !== 'false';
}
