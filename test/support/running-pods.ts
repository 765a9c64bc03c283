// Pods from YAML as real processes, each beside a proxy that does nothing but say when it was drained and ended: what happens when, in order.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AnyResource, kindNames, type ResourcesByKind } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';
import { resourceKey } from '#api/resource.ts';
import { systemClock } from '#base/clock.ts';
import type { RuntimeEvent } from '#runtime/event.ts';
import { loopbackNetwork } from '#runtime/loopback-network.ts';
import { planPods } from '#runtime/pod-plan.ts';
import { PortAllocator } from '#runtime/port-allocator.ts';
import { Supervisor } from '#runtime/supervisor.ts';
import { Watchdog } from '#runtime/watchdog.ts';
import { waitUntil } from '#test/support/wait-until.ts';

export type RunningPods = AsyncDisposable & {
  readonly supervisor: Supervisor;
  /** In which the containers run. */
  readonly folder: string;
  readonly events: readonly RuntimeEvent[];
  /** What the proxies were told, and what was noted by `note`. */
  readonly order: readonly string[];
  readonly apply: (yaml: string) => Promise<void>;
  readonly event: <Kind extends RuntimeEvent['kind']>(
    kind: Kind,
    fits?: (event: Extract<RuntimeEvent, { readonly kind: Kind }>) => boolean,
  ) => Promise<Extract<RuntimeEvent, { readonly kind: Kind }>>;
  readonly log: (pod: string, container: string) => Promise<string>;
  /** Lets proxies become ready, where they were to be held. */
  readonly letProxiesServe: () => void;
};

export async function runPods({ holdProxies = false }: { readonly holdProxies?: boolean } = {}): Promise<RunningPods> {
  const folder = await mkdtemp(join(tmpdir(), 'heddle-pods-'));
  const watchdog = new Watchdog();
  const events: RuntimeEvent[] = [];
  const order: string[] = [];
  const serve = Promise.withResolvers<void>();
  if (!holdProxies) serve.resolve();
  const supervisor = new Supervisor({
    domain: 'cluster.local',
    inherited: { PATH: process.env['PATH'] },
    nodeProgram: process.execPath,
    startProxy: async ({ plan }) => {
      const ended = Promise.withResolvers<{ kind: 'exit'; code: number }>();
      return {
        pid: 0,
        ready: serve.promise,
        ended: ended.promise,
        drain: async (deadlineMs) => void order.push(`proxy of ${plan.pod.metadata.name} drains for ${Math.round(deadlineMs / 1000)} s`),
        signal: () => {
          order.push(`proxy of ${plan.pod.metadata.name} ends`);
          ended.resolve({ kind: 'exit', code: 0 });
        },
        lastLines: () => [],
      };
    },
    watchdog,
    clock: systemClock,
    emit: (event) => void events.push(event),
    network: loopbackNetwork(new PortAllocator({ random: Math.random })),
    fixedPorts: () => ({}),
    logFile: (plan, container) => join(folder, `${plan.pod.metadata.name}.${container ?? 'proxy'}.log`),
    publish: () => {},
    settled: async () => {},
    onChange: () => {},
  });
  return {
    supervisor,
    folder,
    events,
    order,
    apply: async (yaml) => {
      const resources = byKind(readText(join(folder, 'pods.yaml'), yaml).items.flatMap(({ resource }) => resource ?? []));
      await supervisor.apply(planPods(resources, []), resources);
    },
    event: async (kind, fits = () => true) => {
      const isWanted = (event: RuntimeEvent): event is Extract<RuntimeEvent, { readonly kind: typeof kind }> => event.kind === kind;
      const found = await waitUntil(`the event ${kind}`, () => events.filter(isWanted).find(fits)).catch((error: unknown) => {
        throw new Error(`${String(error)}; there were ${JSON.stringify(events, null, 1)}`);
      });
      return found;
    },
    log: (pod, container) => readFile(join(folder, `${pod}.${container}.log`), 'utf8').catch(() => ''),
    letProxiesServe: serve.resolve,
    [Symbol.asyncDispose]: async () => {
      supervisor.kill();
      await watchdog[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function byKind(resources: readonly AnyResource[]): ResourcesByKind {
  const all = kindNames().map((kind) => [kind, new Map(resources.filter((one) => one.kind === kind).map((one) => [resourceKey(one.metadata), one]))]);
  return Object.fromEntries(all) as ResourcesByKind; // filled for every kind, with resources of that kind only
}
