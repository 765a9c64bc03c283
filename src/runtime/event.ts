// What happens to the local processes, as values: the command line prints one line per event, and programs read them as JSON.
import type { Diagnostic } from '#base/diagnostic.ts';

/** `workload` is the pod's `namespace/name`; `container` is `istio-proxy` for its proxy. */
export type RuntimeEvent =
  | { readonly kind: 'starting'; readonly workload: string; readonly container: string; readonly command: string }
  /** `afterMs`: since its start, or since it was last ready. */
  | { readonly kind: 'ready'; readonly workload: string; readonly afterMs: number }
  | { readonly kind: 'unready'; readonly workload: string; readonly reason: string }
  | {
      readonly kind: 'exited';
      readonly workload: string;
      readonly container: string;
      readonly how: string;
      readonly lastLines: readonly string[];
      readonly logFile: string;
      readonly hint?: string;
    }
  | { readonly kind: 'restarting'; readonly workload: string; readonly container: string; readonly inMs: number; readonly restarts: number }
  | { readonly kind: 'unlive'; readonly workload: string; readonly container: string; readonly reason: string }
  | { readonly kind: 'replacing'; readonly workload: string; readonly reason: string }
  | { readonly kind: 'stopping'; readonly workload: string }
  /** `killed`: containers that did not end by the signal in time. */
  | { readonly kind: 'stopped'; readonly workload: string; readonly forced: boolean; readonly killed?: readonly string[] }
  | { readonly kind: 'completed'; readonly workload: string; readonly succeeded: boolean }
  | { readonly kind: 'notice'; readonly workload: string; readonly message: string; readonly hint?: string }
  | { readonly kind: 'diagnostics'; readonly diagnostics: readonly Diagnostic[] };

export type EmitEvent = (event: RuntimeEvent) => void;
