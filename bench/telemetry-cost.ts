// What Istio's metrics add to a request: the same proxies with and without the loggers that the compiler makes, under the same load in alternating
// rounds. The median of the rounds counts.
import { toJson } from '@bufbuild/protobuf';
import { type Bench, judge, median, round, type Settings, type Table } from '#bench/bench.ts';
import { applyLoad } from '#bench/load.ts';
import { cpuMicroseconds } from '#bench/process-usage.ts';
import { type Subject, startBackend, startEmbedded, startEnvoy } from '#bench/subjects.ts';
import { requestLoggers } from '#compile/metric-loggers.ts';
import { extensionTypes } from '#envoy/extension-types.ts';
import { AccessLogSchema } from '#envoy/gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { istioMetrics } from '#model/metrics-plan.ts';
import { findEnvoy } from '#test/support/envoy.ts';

export const telemetryCost: Bench = {
  name: 'telemetry-cost',
  about: "Istio's request metrics on and off: keep-alive GET, 1 KB answer, 32 connections, access log to a file; one thread of each proxy",
  run: measure,
};

type Row = { readonly name: string; readonly off: Subject; readonly on: Subject };

async function measure({ quick, say }: Settings): Promise<Table> {
  const seconds = quick ? 1 : 5;
  await using resources = new AsyncDisposableStack();
  const { port } = resources.use(await startBackend());
  const loggers = requestLoggers(istioMetrics, 'source').map((logger) => loggerJson(logger));
  const metadata = {
    cluster: { heddle: { service: 'backend.default.svc.cluster.local;backend;default' } },
    endpoint: { istio: { workload: 'backend-v1;default;backend;v1;Kubernetes' } },
  };
  const rows: Row[] = [
    { name: 'heddle', off: resources.use(await startEmbedded(port)), on: resources.use(await startEmbedded(port, 1, { loggers, metadata })) },
  ];
  if (findEnvoy() !== undefined) {
    rows.push({ name: 'envoy', off: resources.use(await startEnvoy(port)), on: resources.use(await startEnvoy(port, { loggers, metadata })) });
  }
  const costs = new Map<Subject, number[]>(rows.flatMap(({ off, on }) => [off, on]).map((subject) => [subject, []]));
  for (const subject of costs.keys()) await applyLoad(subject.port, quick ? 1 : 4); // warm-up: compilers, pools
  for (let number = 1; number <= (quick ? 1 : 5); number++) {
    for (const [subject, found] of costs) {
      const before = cpuMicroseconds(subject.pid);
      const { requests, failed } = await applyLoad(subject.port, seconds);
      if (failed > 0) throw new Error(`${failed} requests through ${subject.name} failed: no measurement`);
      found.push((cpuMicroseconds(subject.pid) - before) / requests);
    }
    say(`round ${number}: ${[...costs.values()].map((found) => round(found.at(-1) ?? 0)).join(', ')} us CPU a request`);
  }
  return toTable(rows, (subject) => median(costs.get(subject) ?? []));
}

function loggerJson(logger: ReturnType<typeof requestLoggers>[number]): object {
  const json = toJson(AccessLogSchema, logger, { registry: extensionTypes, useProtoFieldName: true });
  // A message that is no well-known type is an object in JSON.
  return json as object;
}

function toTable(rows: readonly Row[], cost: (subject: Subject) => number): Table {
  const [heddle] = rows;
  return {
    columns: ['proxy', 'CPU us/request off', 'on', 'more'],
    rows: rows.map(({ name, off, on }) => [name, cost(off).toFixed(1), cost(on).toFixed(1), (cost(on) - cost(off)).toFixed(1)]),
    notes: heddle === undefined ? [] : [judge('CPU of metrics on each embedded proxy', cost(heddle.on) - cost(heddle.off), 4, ' us')],
  };
}
