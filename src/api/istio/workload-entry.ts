// networking.istio.io WorkloadEntry, whole: https://istio.io/latest/docs/reference/config/networking/workload-entry/
import { anything, array, integer, map, object, port, required, type Static, string } from '#api/schema.ts';

export const workloadEntrySpec = object({
  address: string(),
  ports: map(port()),
  labels: map(string()),
  network: string(),
  locality: string(),
  weight: integer({ minimum: 0 }),
  serviceAccount: string(),
});

export const workloadEntryStatus = object({
  conditions: array(
    object({
      type: required(string()),
      status: required(string()),
      reason: string(),
      message: string(),
      lastProbeTime: anything(),
      lastTransitionTime: anything(),
      observedGeneration: anything(),
    }),
  ),
  validationMessages: anything(),
  observedGeneration: anything(),
});

export type WorkloadEntrySpec = Static<typeof workloadEntrySpec>;
