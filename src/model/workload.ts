// A workload instance: one pod, as the mesh sees it.
import type { Origin } from '#base/origin.ts';

export type Workload = {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  /** The pod's address; a placeholder (10.244.0.0/16) where the pod does not run anywhere yet. */
  readonly address: string;
  readonly ports: readonly { readonly name: string; readonly number: number }[];
  readonly ready: boolean;
  readonly origin: Origin;
};
