// Everything that `heddle up` tells while it runs, as values: one line each for a person, one JSON object each for a program.
import type { DeniedEvent } from '#app/up/denials.ts';
import type { EgressEvent } from '#app/up/egress-relay.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { RuntimeEvent } from '#runtime/event.ts';
import type { MeshState } from '#runtime/state.ts';

export type UpEvent =
  | RuntimeEvent
  | EgressEvent
  | DeniedEvent
  /** Where another network than the best was taken: `network` is that which is used. */
  | { readonly kind: 'network'; readonly network: 'loopback' | 'netns'; readonly reason: string; readonly hint?: string }
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
  /** What was applied to an earlier mesh of this folder is in force again. `instead`: the place in a file of the user's that it covers. */
  | { readonly kind: 'applied'; readonly resource: string; readonly from: string; readonly instead?: string }
  /** Files changed. `changed`: `VirtualService istio-system/hello`. */
  | { readonly kind: 'configuration'; readonly changed: readonly string[] }
  | { readonly kind: 'diagnostics gone'; readonly diagnostics: readonly Diagnostic[] };
