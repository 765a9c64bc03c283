// One condition on a request, as compiled: it applies itself and says in words what it asks for and what it met.
import type { RequestView } from '#decide/views.ts';

export type Condition = {
  /** `header x-user is jason`. */
  readonly text: string;
  readonly holds: (request: RequestView) => boolean;
  /** What is there instead, `it is mary`, `it is missing`: asked only for a trace. */
  readonly found: (request: RequestView) => string;
};
