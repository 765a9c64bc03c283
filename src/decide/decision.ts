// The whole decision for a call, as a plain value: what explain prints, config tests compare and the call tables expect.
import type { EndpointEntry } from '#decide/cluster-entry.ts';
import type { RbacVerdict } from '#decide/rbac.ts';
import type { RouteEntry } from '#decide/route-entry.ts';
import type { ConnectionView, RequestView } from '#decide/views.ts';

/** A call to decide about. */
export type Call = {
  readonly connection: ConnectionView;
  /** Undefined: a raw TCP connection. */
  readonly request?: RequestView;
  /** Where the connection was accepted, where that is not its destination: 15001 or 15006 after a redirect. */
  readonly acceptedOn?: { readonly address: string; readonly port: number };
  /** In [0, 1): decides weights and runtime fractions; 0 where not given. */
  readonly random?: number;
  /** The time, in milliseconds since the epoch; its beginning where not given: tokens that begin to be good later are refused. */
  readonly timeMs?: number;
};

/** What is known stays even where a later step failed, so that a failure names how far the call came. */
export type Decision = {
  readonly listener?: string;
  readonly filterChain?: string;
  readonly routeConfig?: string;
  readonly virtualHost?: string;
  readonly route?: RouteEntry;
  readonly cluster?: string;
  /** Verdict of the RBAC filter that decided; undefined: no RBAC filter. */
  readonly rbac?: RbacVerdict;
  /** The HTTP filter that answered in place of the route. */
  readonly filter?: string;
  /** Clusters of external authorisers that are asked first; the decision is what it is when they all agree. */
  readonly checkedBy?: readonly string[];
  /** How long a fault keeps the request back. */
  readonly delayMs?: number;
  readonly outcome: Outcome;
};

/** Flags are Envoy's response flags; `status` 0 means the connection is closed without an answer. */
export type Outcome =
  | {
      readonly kind: 'forward';
      readonly cluster: string;
      readonly endpoints: readonly EndpointEntry[];
      readonly path: string;
      readonly authority: string;
      /** Clusters that get a copy of the request. */
      readonly mirrors?: readonly string[];
    }
  | { readonly kind: 'tcp'; readonly cluster: string; readonly endpoints: readonly EndpointEntry[] }
  | {
      readonly kind: 'local-reply';
      readonly status: number;
      readonly flag: '' | 'NR' | 'NC' | 'UH' | 'FI' | 'RL' | 'DPE' | 'UAEX';
      readonly because: string;
      readonly location?: string;
    };
