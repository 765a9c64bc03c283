// Why a decision fell as it did: collected only when somebody asks. The hot path passes undefined and allocates nothing.

/** One step: what was tried, whether it held, and if not the first condition that failed, in words. */
export type TraceStep = {
  readonly stage: 'listener' | 'filter chain' | 'virtual host' | 'route' | 'filter' | 'cluster' | 'endpoint' | 'rbac';
  readonly name: string;
  readonly outcome: 'chosen' | 'rejected' | 'skipped';
  /** `prefix /api/: path is /reviews`, the condition and what it met. */
  readonly because?: string;
};

export class Trace {
  readonly steps: TraceStep[] = [];

  add(step: TraceStep): void {
    this.steps.push(step);
  }
}
