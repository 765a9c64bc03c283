// What `heddle up` is asked for, and what of the world around it it may use.
import type { AdminDoor } from '#admin/door.ts';
import type { UpEvent } from '#app/up/event.ts';
import type { MeshPlace } from '#app/up/place.ts';
import type { Clock } from '#base/clock.ts';
import type { LogLevel } from '#base/logger.ts';

export type UpOptions = {
  readonly paths: readonly string[];
  readonly dataPlane: 'embedded' | 'envoy';
  /** Of the embedded data plane: a process for each proxy, or one for all of them. */
  readonly proxies: 'each' | 'shared';
  /** In which network it runs. */
  readonly place: MeshPlace;
  /** 0 takes a free one. */
  readonly gatewayPort: number;
  readonly adminPort: number;
  /** Who may ask the admin API. */
  readonly adminDoor: AdminDoor;
  /** State and logs go here. */
  readonly stateFolder: string;
  readonly logLevel: LogLevel;
  /** Answers to denied requests say policy, rule and field. */
  readonly explainDenials: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The Node that runs proxies, and that `node` means in a command. */
  readonly nodeProgram: string;
  readonly clock: Clock;
  /** When the command began, by the clock's monotonic time: what "ready after" counts from. */
  readonly startedMs: number;
  readonly random: () => number;
  readonly onEvent: (event: UpEvent) => void;
};
