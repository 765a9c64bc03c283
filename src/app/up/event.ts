// Everything that `heddle up` tells while it runs, as values: one line each for a person, one JSON object each for a program.
import type { Diagnostic } from '#base/diagnostic.ts';
import type { RuntimeEvent } from '#runtime/event.ts';
import type { MeshState } from '#runtime/state.ts';

export type UpEvent =
  | RuntimeEvent
  /** What an earlier start had left running, and was ended. */
  | { readonly kind: 'leftovers ended'; readonly names: readonly string[] }
  /** Every pod that can be is ready: the table is due. `afterMs` since the start of the command. */
  | { readonly kind: 'mesh ready'; readonly state: MeshState; readonly afterMs: number; readonly tryLine?: string }
  /** Some pods were not ready in time; the mesh runs without them. */
  | {
      readonly kind: 'mesh waits';
      readonly state: MeshState;
      readonly waitingFor: readonly { readonly workload: string; readonly reason: string; readonly hint?: string }[];
    }
  /** Files changed. `changed`: `VirtualService istio-system/hello`. */
  | { readonly kind: 'configuration'; readonly changed: readonly string[] }
  | { readonly kind: 'diagnostics gone'; readonly diagnostics: readonly Diagnostic[] };
