// Istio's metrics as Envoy's stats access logger reports them. In: which metrics with which labels, and on which side of a call. Out: access loggers
// for an HTTP connection manager or a TCP proxy. Labels that every series of a proxy has alike are not in here: whoever prints them adds them, and
// spreads `peer` and `service` over Istio's labels (telemetry/istio-labels.ts). The series of a proxy are one bounded scope.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { packAny } from '#envoy/any.ts';
import { create } from '#envoy/create.ts';
import { type AccessLog, type AccessLogFilterSchema, AccessLogSchema } from '#envoy/gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { AccessLogType } from '#envoy/gen/envoy/data/accesslog/v3/accesslog_pb.js';
import {
  type Config_Counter,
  Config_CounterSchema,
  type Config_Histogram,
  Config_Histogram_Unit,
  Config_HistogramSchema,
  ConfigSchema,
} from '#envoy/gen/envoy/extensions/access_loggers/stats/v3/stats_pb.js';
import type { MetricChange, MetricName, MetricsPlan } from '#model/metrics-plan.ts';

/** Who reports: the proxy of the caller, or of the called. */
export type Reporter = 'source' | 'destination';

/** Series beyond these are dropped and counted (`server.stats_overflow.*`), so that no label can fill the memory. */
const maxCounters = 5_000;
const maxHistograms = 15_000;

type Tag = readonly [name: string, format: string];

/** Who is at the other end, whose service it is, and who both are by their certificates. */
const peerTags: Readonly<Record<Reporter, readonly Tag[]>> = {
  source: [
    ['reporter', 'source'],
    ['peer', '%UPSTREAM_METADATA(istio:workload)%'],
    ['service', '%CLUSTER_METADATA(heddle:service)%'],
    ['source_principal', '%UPSTREAM_LOCAL_URI_SAN%'],
    ['destination_principal', '%UPSTREAM_PEER_URI_SAN%'],
  ],
  destination: [
    ['reporter', 'destination'],
    ['peer', '%DOWNSTREAM_PEER_OTHERNAME_SAN%'],
    ['service', '%CLUSTER_METADATA(heddle:service)%'],
    ['source_principal', '%DOWNSTREAM_PEER_URI_SAN%'],
    ['destination_principal', '%DOWNSTREAM_LOCAL_URI_SAN%'],
  ],
};

const requestTags: readonly Tag[] = [
  ['response_code', '%RESPONSE_CODE%'],
  ['grpc_response_status', '%GRPC_STATUS_NUMBER%'],
  ['response_flags', '%RESPONSE_FLAGS%'],
];

const { Bytes, Milliseconds } = Config_Histogram_Unit;

const requestHistograms: readonly {
  readonly metric: MetricName;
  readonly name: string;
  readonly unit: Config_Histogram_Unit;
  readonly value: string;
}[] = [
  { metric: 'REQUEST_DURATION', name: 'request_duration_milliseconds', unit: Milliseconds, value: '%DURATION%' },
  { metric: 'REQUEST_SIZE', name: 'request_bytes', unit: Bytes, value: '%DOWNSTREAM_WIRE_BYTES_RECEIVED%' },
  { metric: 'RESPONSE_SIZE', name: 'response_bytes', unit: Bytes, value: '%DOWNSTREAM_WIRE_BYTES_SENT%' },
];

/** Of requests. Source: Istio, istio_stats. */
export function requestLoggers(plan: MetricsPlan, reporter: Reporter): readonly AccessLog[] {
  const tags = [...peerTags[reporter], ...requestTags];
  const changes = changesOf(plan, reporter);
  const counters = isOff(changes.REQUEST_COUNT) ? [] : [counter('requests_total', tags, changes.REQUEST_COUNT)];
  const histograms = requestHistograms
    .filter(({ metric }) => !isOff(changes[metric]))
    .map(({ metric, name, unit, value }) => create(Config_HistogramSchema, { stat: stat(name, tags, changes[metric]), unit, valueFormat: value }));
  return logger(counters, histograms);
}

/** What keeps a connection from reaching an endpoint. */
const unreached = ['UH', 'UF', 'UO', 'URX', 'NC', 'UAEX'];

/**
 * Of connections that are passed on as bytes: one logger for their begin, when an endpoint is connected, and one for their end, when their bytes are known.
 * Those that never reach an endpoint are opened and closed at once.
 */
export function connectionLoggers(plan: MetricsPlan, reporter: Reporter, tellsBegins: boolean): readonly AccessLog[] {
  const tags: readonly Tag[] = [...peerTags[reporter], ['response_flags', '%RESPONSE_FLAGS%']];
  const changes = changesOf(plan, reporter);
  const opened = isOff(changes.TCP_OPENED_CONNECTIONS) ? [] : [counter('tcp_connections_opened_total', tags, changes.TCP_OPENED_CONNECTIONS)];
  const bytes = (metric: MetricName, name: string, valueFormat: string): readonly Config_Counter[] =>
    isOff(changes[metric]) ? [] : [create(Config_CounterSchema, { stat: stat(name, tags, changes[metric]), valueFormat })];
  const closed = [
    ...(isOff(changes.TCP_CLOSED_CONNECTIONS) ? [] : [counter('tcp_connections_closed_total', tags, changes.TCP_CLOSED_CONNECTIONS)]),
    ...bytes('TCP_SENT_BYTES', 'tcp_sent_bytes_total', '%BYTES_SENT%'),
    ...bytes('TCP_RECEIVED_BYTES', 'tcp_received_bytes_total', '%BYTES_RECEIVED%'),
  ];
  const atBegin = ofType(AccessLogType.TcpUpstreamConnected);
  const atEnd = ofType(AccessLogType.TcpConnectionEnd);
  const failed = { filterSpecifier: { case: 'responseFlagFilter' as const, value: { flags: unreached } } };
  const begun = { filterSpecifier: { case: 'orFilter' as const, value: { filters: [atBegin, all(atEnd, failed)] } } };
  return [...logger(opened, [], tellsBegins ? begun : atEnd), ...logger(closed, [], atEnd)];
}

type Filter = MessageInitShape<typeof AccessLogFilterSchema>;

function ofType(type: AccessLogType): Filter {
  return { filterSpecifier: { case: 'logTypeFilter', value: { types: [type] } } };
}

function all(...filters: Filter[]): Filter {
  return { filterSpecifier: { case: 'andFilter', value: { filters } } };
}

function changesOf(plan: MetricsPlan, reporter: Reporter): MetricsPlan['client'] {
  return reporter === 'source' ? plan.client : plan.server;
}

function isOff(change: MetricChange | undefined): boolean {
  return change?.disabled === true;
}

function counter(name: string, tags: readonly Tag[], change: MetricChange | undefined): Config_Counter {
  return create(Config_CounterSchema, { stat: stat(name, tags, change), valueFixed: 1n });
}

/** A label that a Telemetry sets is a tag of its name; those that it removes are named in one, since they may come out of a tag of several. */
function stat(name: string, tags: readonly Tag[], change: MetricChange | undefined) {
  const changes = Object.entries(change?.labels ?? {});
  const set = changes.flatMap(([label, how]) => (how.kind === 'set' ? [[label, how.format] as const] : []));
  const removed = changes.flatMap(([label, how]) => (how.kind === 'removed' ? [label] : []));
  const own = tags.filter(([tag]) => !set.some(([label]) => label === tag) && !(removed.includes(tag) && tag !== 'reporter'));
  const all: readonly Tag[] = [...own, ...set, ...(removed.length > 0 ? [['removed', removed.join(' ')] as const] : [])];
  return { name, tags: all.map(([tag, format]) => ({ name: tag, valueFormat: format })) };
}

function logger(counters: readonly Config_Counter[], histograms: readonly Config_Histogram[], filter?: Filter): readonly AccessLog[] {
  if (counters.length + histograms.length === 0) return [];
  const typedConfig = packAny(ConfigSchema, {
    statsScope: { prefix: 'istio', sharingName: 'istio', maxCounters, maxHistograms, enableEviction: true },
    counters: [...counters],
    histograms: [...histograms],
  });
  const configType = { case: 'typedConfig', value: typedConfig } as const;
  return [create(AccessLogSchema, { name: 'envoy.access_loggers.stats', ...(filter !== undefined && { filter }), configType })];
}
