// Pods as real processes, with a proxy that does nothing: what starts when, what is published, what is left at the end.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AnyResource, KindMap, ResourcesByKind } from '#api/kinds.ts';
import { kindNames } from '#api/kinds.ts';
import { resourceKey } from '#api/resource.ts';
import { systemClock } from '#base/clock.ts';
import type { RuntimeEvent } from '#runtime/event.ts';
import { readImageMap } from '#runtime/image-map.ts';
import { loopbackNetwork } from '#runtime/loopback-network.ts';
import { planPods } from '#runtime/pod-plan.ts';
import { PortAllocator } from '#runtime/port-allocator.ts';
import type { StartProxy } from '#runtime/proxy-process.ts';
import { Supervisor } from '#runtime/supervisor.ts';
import { Watchdog } from '#runtime/watchdog.ts';

const at = { file: 'mesh.yaml', line: 1, col: 1 };
const origins = { start: at, at: () => at };

function service(name: string): KindMap['Service'] {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default', labels: {}, annotations: {} },
    origins,
    spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
  };
}

function pod(name: string, script: string, more: Partial<KindMap['Pod']['spec']> = {}): KindMap['Pod'] {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app: 'app' }, annotations: {} },
    origins,
    spec: {
      containers: [{ name: 'main', command: ['node', '-e', script], ports: [{ containerPort: 8080 }] }],
      ...more,
    },
  };
}

function byKind(resources: readonly AnyResource[]): ResourcesByKind {
  const all = Object.fromEntries(
    kindNames().map((kind) => [kind, new Map(resources.filter((one) => one.kind === kind).map((one) => [resourceKey(one.metadata), one]))]),
  );
  return all as unknown as ResourcesByKind; // filled for every kind, with resources of that kind only
}

/** A server that answers and ends on SIGTERM. */
const server = `
  const server = require('node:http').createServer((_, response) => response.end('ok'));
  server.listen(process.env.PORT, '127.0.0.1', () => console.log('listens'));
  process.on('SIGTERM', () => process.exit(0));
`;

type Mesh = AsyncDisposable & {
  readonly events: RuntimeEvent[];
  /** What happened to pods that left, in order. */
  readonly order: readonly string[];
  readonly apply: (...resources: AnyResource[]) => Promise<void>;
  readonly published: () => readonly AnyResource[];
  readonly until: (what: string, check: () => boolean) => Promise<void>;
  readonly supervisor: Supervisor;
  readonly folder: string;
};

async function startMesh(): Promise<Mesh> {
  const folder = await mkdtemp(join(tmpdir(), 'heddle-runtime-'));
  const watchdog = new Watchdog();
  const events: RuntimeEvent[] = [];
  const waiting = new Set<() => void>();
  let published: readonly AnyResource[] = [];
  const order: string[] = [];
  const isOffered = (port: number | undefined): boolean =>
    published.some(
      (one) =>
        one.kind === 'EndpointSlice' && one.ports?.some((listed) => listed.port === port) === true && one.endpoints?.[0]?.conditions?.ready === true,
    );
  const startProxy: StartProxy = async ({ network: { ports } }) => {
    const ended = Promise.withResolvers<{ kind: 'exit'; code: number }>();
    return {
      pid: 0,
      ready: Promise.resolve(),
      ended: ended.promise,
      drain: async () => void order.push(isOffered(ports.inbound['8080']?.listen) ? 'drained while in use' : 'drained'),
      signal: () => ended.resolve({ kind: 'exit', code: 0 }),
      lastLines: () => [],
    };
  };
  const look = (): void => {
    for (const one of waiting) one();
  };
  const supervisor = new Supervisor({
    domain: 'cluster.local',
    inherited: { PATH: process.env['PATH'] },
    nodeProgram: process.execPath,
    startProxy,
    watchdog,
    clock: systemClock,
    emit: (event) => {
      events.push(event);
      look();
    },
    network: loopbackNetwork(new PortAllocator({ random: Math.random })),
    fixedPorts: () => ({}),
    logFile: (plan, container) => join(folder, `${plan.pod.metadata.name}.${container ?? 'proxy'}.log`),
    publish: (resources) => {
      published = resources;
      look();
    },
    settled: async () => void order.push('settled'),
    onChange: look,
  });
  const until = (what: string, check: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`waited in vain: ${what}\n${JSON.stringify(events, null, 1)}`)), 10_000);
      const one = (): void => {
        if (!check()) return;
        clearTimeout(timer);
        waiting.delete(one);
        resolve();
      };
      waiting.add(one);
      one();
    });
  return {
    events,
    order,
    supervisor,
    folder,
    until,
    published: () => published,
    apply: (...resources) => {
      const all = byKind(resources);
      return supervisor.apply(planPods(all, [readImageMap(join(folder, 'heddle.yaml'), 'images: {}')]), all);
    },
    [Symbol.asyncDispose]: async () => {
      await supervisor.stop(2_000);
      await watchdog[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

function endpoints(
  mesh: Mesh,
): readonly { readonly port: number | undefined; readonly ready: boolean | undefined; readonly terminating: boolean | undefined }[] {
  return mesh
    .published()
    .flatMap((one) => (one.kind === 'EndpointSlice' ? [one] : []))
    .flatMap(({ endpoints: list = [], ports }) =>
      list.map(({ conditions }) => ({ port: ports?.[0]?.port, ready: conditions?.ready, terminating: conditions?.terminating })),
    );
}

function isReady(mesh: Mesh): boolean {
  return mesh.supervisor.current().every(({ ready }) => ready);
}

test('a pod starts, is published when its port listens, and leaves nothing', async () => {
  let pid: number | undefined;
  {
    await using mesh = await startMesh();
    await mesh.apply(service('app'), pod('app', server));
    await mesh.until('ready', () => isReady(mesh) && endpoints(mesh)[0]?.ready === true);
    const run = mesh.supervisor.current()[0];
    assert.deepEqual(endpoints(mesh), [{ port: run?.ports.inbound['8080']?.listen, ready: true, terminating: false }]);
    const status = mesh.published().find((one) => one.kind === 'Pod');
    assert.equal(status?.kind === 'Pod' && status.status?.conditions?.[0]?.status, 'True');
    pid = run?.containers[0]?.pid;
    assert.ok(pid !== undefined && existsSync(`/proc/${pid}`));
  }
  assert.throws(() => process.kill(pid ?? 0, 0));
});

test('a Service without a running pod has a slice without endpoints', async () => {
  await using mesh = await startMesh();
  await mesh.apply(service('nobody'), pod('app', server));
  await mesh.until('published', () => mesh.published().length > 0);
  assert.deepEqual(endpoints(mesh), []);
  assert.equal(mesh.published().filter(({ kind }) => kind === 'EndpointSlice').length, 1);
});

test('a changed pod is replaced: the new one is ready before the old one leaves', async () => {
  await using mesh = await startMesh();
  await mesh.apply(service('app'), pod('app', server));
  await mesh.until('ready', () => isReady(mesh));
  const first = mesh.supervisor.current()[0];
  let leastReady = Number.POSITIVE_INFINITY;
  const watch = (): boolean => {
    leastReady = Math.min(leastReady, endpoints(mesh).filter(({ ready }) => ready).length);
    return mesh.supervisor.current()[0] !== first && mesh.supervisor.runs().length === 1;
  };
  await mesh.until('first publication', () => endpoints(mesh)[0]?.ready === true);
  await mesh.apply(service('app'), pod('app', `${server} // changed`));
  await mesh.until('replaced', watch);
  assert.equal(leastReady, 1);
  assert.deepEqual(mesh.order, ['settled', 'drained']);
  assert.equal(mesh.supervisor.current()[0]?.generation, 1);
});

test('an edit that changes no content restarts nothing; a removed pod is ended', async () => {
  await using mesh = await startMesh();
  await mesh.apply(service('app'), pod('app', server));
  await mesh.until('ready', () => isReady(mesh));
  await mesh.apply(service('app'), { ...pod('app', server), origins: { start: { ...at, line: 7 }, at: () => ({ ...at, line: 7 }) } });
  assert.equal(mesh.supervisor.current()[0]?.generation, 0);
  await mesh.apply(service('app'));
  await mesh.until('gone', () => mesh.supervisor.runs().length === 0);
  assert.deepEqual(mesh.events.at(-1), { kind: 'stopped', workload: 'default/app', forced: false });
});

test('a program that crashes at start is told with its last lines, and started again with a growing wait', async () => {
  await using mesh = await startMesh();
  await mesh.apply(pod('app', 'console.log("no database"); process.exit(3)'));
  await mesh.until('second restart', () => mesh.events.filter(({ kind }) => kind === 'restarting').length === 2);
  const exited = mesh.events.find((event) => event.kind === 'exited');
  assert.ok(exited?.kind === 'exited');
  assert.equal(exited.how, 'exit code 3');
  assert.deepEqual(exited.lastLines, ['no database']);
  assert.deepEqual(
    mesh.events.flatMap((event) => (event.kind === 'restarting' ? [event.inMs] : [])),
    [0, 1_000],
  );
});

test('a program that wants a port which is taken gets a hint at PORT', async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const address = holder.address();
  const taken = typeof address === 'object' && address !== null ? address.port : 0;
  try {
    await using mesh = await startMesh();
    await mesh.apply(pod('app', `require('node:http').createServer().listen(${taken}, '127.0.0.1')`));
    await mesh.until('exited', () => mesh.events.some(({ kind }) => kind === 'exited'));
    const exited = mesh.events.find((event) => event.kind === 'exited');
    assert.match(exited?.kind === 'exited' ? (exited.hint ?? '') : '', new RegExp(`Port ${taken}.* is taken.*PORT`));
  } finally {
    await new Promise((resolve) => holder.close(resolve));
  }
});

test('init containers run one after the other before the containers; a failing one holds them back', async () => {
  await using mesh = await startMesh();
  const init = (name: string, script: string) => ({ name, command: ['node', '-e', script] });
  await mesh.apply(pod('app', server, { initContainers: [init('one', ''), init('two', '')] }));
  await mesh.until('ready', () => isReady(mesh));
  assert.deepEqual(
    mesh.events.flatMap((event) => (event.kind === 'starting' ? [event.container] : [])),
    ['one', 'two', 'main'],
  );
});

test('a Job runs to completion, as often as it asks for', async () => {
  await using mesh = await startMesh();
  const job: KindMap['Job'] = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'import', namespace: 'default', labels: {}, annotations: {} },
    origins,
    spec: { completions: 2, template: { spec: { restartPolicy: 'OnFailure', containers: [{ name: 'main', command: ['node', '-e', ''] }] } } },
  };
  await mesh.apply(job);
  await mesh.until('completed', () => mesh.events.some(({ kind }) => kind === 'completed'));
  assert.equal(mesh.events.filter(({ kind }) => kind === 'starting').length, 2);
  assert.equal(mesh.supervisor.current()[0]?.phase, 'Succeeded');
});

test('a readiness probe takes the pod out and back in; liveness starts it again', async () => {
  await using mesh = await startMesh();
  const script = `
    let calls = 0;
    require('node:http').createServer((request, response) => {
      if (request.url === '/ready') calls += 1;
      const bad = request.url === '/live' ? calls > 3 : calls === 2;
      response.writeHead(bad ? 500 : 200).end();
    }).listen(process.env.PORT, '127.0.0.1');
  `;
  const probed = pod('app', script);
  const [container] = probed.spec.containers;
  assert.ok(container !== undefined);
  const probe = (path: string) => ({ httpGet: { path, port: 8080 }, periodSeconds: 1, failureThreshold: 1 });
  await mesh.apply({
    ...probed,
    spec: {
      containers: [
        { ...container, readinessProbe: probe('/ready'), livenessProbe: { ...probe('/live'), initialDelaySeconds: 1, failureThreshold: 3 } },
      ],
    },
  });
  await mesh.until('unlive', () => mesh.events.some(({ kind }) => kind === 'unlive'));
  const kinds = mesh.events.map(({ kind }) => kind);
  assert.deepEqual(kinds.slice(0, 4), ['starting', 'ready', 'unready', 'ready']);
  await mesh.until('ready again', () => mesh.events.filter(({ kind }) => kind === 'ready').length >= 3);
});
