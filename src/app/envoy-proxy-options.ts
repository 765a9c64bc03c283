// What whoever starts Envoys beside pods is told once for all of them.
import type { SecureXds } from '#app/secure-xds.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/logger.ts';
import type { PodPlan } from '#runtime/pod-plan.ts';
import type { PortAllocator } from '#runtime/port-allocator.ts';
import type { Watchdog } from '#runtime/watchdog.ts';

export type EnvoyProxyOptions = {
  readonly binary: string;
  /** What runs agents, and the environment that it is started with. */
  readonly nodeProgram: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** `host:port` of the control plane's secure port. */
  readonly xdsTarget: string;
  /** The files by which the agent of a pod's Envoy says who it is. */
  readonly credentials: (plan: PodPlan) => Promise<SecureXds>;
  readonly domain: string;
  /** Bootstraps are written below it. */
  readonly workFolder: string;
  readonly allocator: PortAllocator;
  readonly watchdog: Watchdog;
  readonly clock: Clock;
  readonly logger: Logger;
};
