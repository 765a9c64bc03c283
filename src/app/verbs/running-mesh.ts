// From the parts of `heddle up` to what its verbs see. The parts come one after the other: until all are there, no verb is done.
import type { MeshVerbs } from '#admin/client/verbs.ts';
import { adminViews } from '#app/admin-views.ts';
import type { ControlPlane } from '#app/control-plane.ts';
import type { Runs } from '#app/run/runs.ts';
import type { UpConfiguration } from '#app/up/configuration.ts';
import { workloadSecurity } from '#app/up/workload-security.ts';
import { EventLog } from '#app/verbs/event-log.ts';
import type { LiveMesh } from '#app/verbs/live-mesh.ts';
import { meshVerbs } from '#app/verbs/mesh-verbs.ts';
import type { Clock } from '#base/clock.ts';
import type { RuntimePlan } from '#runtime/pod-plan.ts';
import type { Supervisor } from '#runtime/supervisor.ts';
import type { Watchdog } from '#runtime/watchdog.ts';
import type { SnapshotSource } from '#sources/snapshot.ts';

export type RunningMeshOptions = {
  readonly configuration: UpConfiguration;
  /** What is written and what runs. */
  readonly source: SnapshotSource;
  /** What shall run, as the supervisor is told. */
  readonly plan: () => RuntimePlan;
  /** Processes that others start. */
  readonly runs: Runs;
  readonly watchdog: Watchdog;
  readonly clock: Clock;
};

export class RunningMesh {
  readonly verbs: MeshVerbs;
  readonly #options: RunningMeshOptions;
  readonly #events = new EventLog();
  readonly #listeners = new Set<() => void>();
  #live: LiveMesh | undefined;
  #isTelling = false;

  constructor(options: RunningMeshOptions) {
    this.#options = options;
    const { configuration, runs, watchdog } = options;
    this.verbs = meshVerbs({
      live: () => this.#live,
      onChange: (listener) => this.#onChange(listener),
      files: () => configuration.fileResources(),
      plan: (resources) => configuration.planOf(resources).diagnostics,
      runs,
      watchdog,
    });
  }

  /** From now on verbs are done. */
  open(controlPlane: ControlPlane, supervisor: Supervisor): void {
    const { configuration, source, plan, clock } = this.#options;
    const views = adminViews(controlPlane);
    this.#live = {
      resources: () => source.current().resources,
      written: () => configuration.snapshot.resources,
      plan,
      runs: () => supervisor.runs(),
      current: () => supervisor.current(),
      diagnostics: () => controlPlane.diagnostics(),
      policies: views.policies,
      proxies: views.proxies,
      security: (plan) => workloadSecurity(controlPlane.mesh())(plan),
      events: this.#events,
      applied: configuration.applied,
      overrides: configuration.overrides,
      replacePod: (key, reason) => void supervisor.replace(key, reason),
      clock,
    };
    source.onChange(() => this.changed());
  }

  /** What happened, for `describe`. */
  note(event: { readonly kind: string }): void {
    this.#events.add(event, this.#options.clock.nowMs());
    this.changed();
  }

  /** Something may look different now: those who watch are told once a turn. */
  changed(): void {
    this.#options.runs.changed();
    if (this.#isTelling || this.#listeners.size === 0) return;
    this.#isTelling = true;
    setImmediate(() => {
      this.#isTelling = false;
      for (const listener of this.#listeners) listener();
    });
  }

  #onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
