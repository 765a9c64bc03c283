// What the runtime asks of whoever starts a pod's proxy (embedded or Envoy): the seam between local processes and data planes.
import type { ProcessEnd } from '#runtime/child-process.ts';
import type { PodNetwork } from '#runtime/network.ts';
import type { PodPlan } from '#runtime/pod-plan.ts';

export type ProxyRequest = { readonly plan: PodPlan; readonly network: PodNetwork; readonly logFile: string };

export type ProxyProcess = {
  /** 0 where it could not be started. */
  readonly pid: number;
  /** Where its admin interface answers, as `127.0.0.1:port`. */
  readonly admin?: string;
  /** Where Prometheus asks for its metrics and the application's, likewise; under /stats/prometheus. */
  readonly metrics?: string;
  /** Resolves when it has its configuration and serves; stays open when it ends before. */
  readonly ready: Promise<void>;
  readonly ended: Promise<ProcessEnd>;
  /** Stops accepting and lets requests that are on their way finish; resolves when they have, or at `deadlineMs` from now. */
  readonly drain: (deadlineMs: number) => Promise<void>;
  readonly signal: (signal: NodeJS.Signals) => void;
  readonly lastLines: (count: number) => readonly string[];
};

export type StartProxy = (request: ProxyRequest) => Promise<ProxyProcess>;
