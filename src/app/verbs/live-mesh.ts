// What the verbs see of a mesh that runs: questions to the one who runs it, each answered with the state of that moment. No verb knows how pods are
// connected or where processes run.
import type { PolicyView, ProxyView } from '#admin/views.ts';
import type { ResourcesByKind } from '#api/kinds.ts';
import type { AppliedResources } from '#app/verbs/applied-resources.ts';
import type { EventLog } from '#app/verbs/event-log.ts';
import type { PodOverrides } from '#app/verbs/pod-overrides.ts';
import type { Clock } from '#base/clock.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { PodPlan, RuntimePlan } from '#runtime/pod-plan.ts';
import type { PodRun } from '#runtime/pod-run.ts';

export type LiveMesh = {
  /** What is written and what runs, as the control plane has it. */
  readonly resources: () => ResourcesByKind;
  /** What is written: the files, with what was applied over them. */
  readonly written: () => ResourcesByKind;
  readonly plan: () => RuntimePlan;
  /** Every run there is, also those that are to follow or are leaving. */
  readonly runs: () => readonly PodRun[];
  /** Those that serve. */
  readonly current: () => readonly PodRun[];
  readonly diagnostics: () => readonly Diagnostic[];
  readonly policies: () => readonly PolicyView[];
  readonly proxies: () => readonly ProxyView[];
  /** Who a pod is, and by container port what it takes. */
  readonly security: (plan: PodPlan) => { readonly identity?: string; readonly mtls?: Readonly<Record<string, string>> };
  readonly events: EventLog;
  readonly applied: AppliedResources;
  readonly overrides: PodOverrides;
  /** Starts the pod anew, in the same place of the plan. */
  readonly replacePod: (key: string, reason: string) => void;
  readonly clock: Pick<Clock, 'nowMs' | 'after'>;
};
