// Access logs to a file or standard output: MeshConfig.accessLogFile, accessLogFormat, accessLogEncoding, with Istio's defaults.
import type { Any } from '@bufbuild/protobuf/wkt';
import { packAny } from '#envoy/any.ts';
import { create } from '#envoy/create.ts';
import { type AccessLog, AccessLogSchema } from '#envoy/gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { type SubstitutionFormatString, SubstitutionFormatStringSchema } from '#envoy/gen/envoy/config/core/v3/substitution_format_string_pb.js';
import { AccessLogType } from '#envoy/gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { FileAccessLogSchema } from '#envoy/gen/envoy/extensions/access_loggers/file/v3/file_pb.js';
import { StderrAccessLogSchema, StdoutAccessLogSchema } from '#envoy/gen/envoy/extensions/access_loggers/stream/v3/stream_pb.js';
import { createShared } from '#envoy/shared-message.ts';
import type { AccessLogSettings, MeshSettings } from '#model/mesh.ts';

/** Istio's fields in their order; the text format is these, separated by spaces. `quoted` ones stand in double quotes there. */
const fields: readonly { readonly name: string; readonly value: string; readonly quoted?: true }[] = [
  { name: 'upstream_transport_failure_reason', value: '%UPSTREAM_TRANSPORT_FAILURE_REASON%', quoted: true },
  { name: 'bytes_received', value: '%BYTES_RECEIVED%' },
  { name: 'bytes_sent', value: '%BYTES_SENT%' },
  { name: 'duration', value: '%DURATION%' },
  { name: 'upstream_service_time', value: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%' },
  { name: 'x_forwarded_for', value: '%REQ(X-FORWARDED-FOR)%', quoted: true },
  { name: 'user_agent', value: '%REQ(USER-AGENT)%', quoted: true },
  { name: 'request_id', value: '%REQ(X-REQUEST-ID)%', quoted: true },
  { name: 'authority', value: '%REQ(:AUTHORITY)%', quoted: true },
  { name: 'upstream_host', value: '%UPSTREAM_HOST%', quoted: true },
  { name: 'upstream_cluster', value: '%UPSTREAM_CLUSTER_RAW%' },
  { name: 'upstream_local_address', value: '%UPSTREAM_LOCAL_ADDRESS%' },
  { name: 'downstream_local_address', value: '%DOWNSTREAM_LOCAL_ADDRESS%' },
  { name: 'downstream_remote_address', value: '%DOWNSTREAM_REMOTE_ADDRESS%' },
  { name: 'requested_server_name', value: '%REQUESTED_SERVER_NAME%' },
  { name: 'route_name', value: '%ROUTE_NAME%' },
];

const requestLine: readonly (readonly [name: string, value: string])[] = [
  ['method', '%REQ(:METHOD)%'],
  ['path', '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%'],
  ['protocol', '%PROTOCOL%'],
];

const outcome: readonly (readonly [name: string, value: string])[] = [
  ['response_code', '%RESPONSE_CODE%'],
  ['response_flags', '%RESPONSE_FLAGS%'],
  ['response_code_details', '%RESPONSE_CODE_DETAILS%'],
  ['connection_termination_details', '%CONNECTION_TERMINATION_DETAILS%'],
];

const startTime = '%START_TIME%';

/** Istio's default line, with the newline. */
export function defaultTextFormat(): string {
  const request = requestLine.map(([, value]) => value).join(' ');
  const result = outcome.map(([, value]) => value).join(' ');
  const rest = fields.map(({ value, quoted }) => (quoted === true ? `"${value}"` : value)).join(' ');
  return `[${startTime}] "${request}" ${result} ${rest}\n`;
}

function defaultJsonFormat(): Record<string, string> {
  return {
    start_time: startTime,
    ...Object.fromEntries([...requestLine, ...outcome]),
    ...Object.fromEntries(fields.map(({ name, value }) => [name, value])),
  };
}

type Logs = { readonly all: readonly AccessLog[]; readonly ended: readonly AccessLog[]; readonly unmatched: readonly AccessLog[] };

/** Every chain of every listener has the same log, so that it is made once for each settings. */
const made = new WeakMap<AccessLogSettings, Logs>();

/** The access log of every HTTP connection manager and TCP proxy; none where logging is off. Shared: not to be changed. */
export function accessLogs(settings: MeshSettings): readonly AccessLog[] {
  return logsOf(settings).all;
}

/** The access log of every TCP proxy. Where metrics are reported, proxies also log when an endpoint is connected, which is for the metrics alone. */
export function connectionLogs(settings: MeshSettings): readonly AccessLog[] {
  return settings.metrics === undefined ? logsOf(settings).all : logsOf(settings).ended;
}

/** Of a listener: only connections that no filter chain took (NR), which nothing else would log. Shared likewise. */
export function listenerAccessLogs(settings: MeshSettings): readonly AccessLog[] {
  return settings.listeners?.withoutLog === true ? [] : logsOf(settings).unmatched;
}

const noLogs: Logs = { all: [], ended: [], unmatched: [] };

function logsOf({ accessLog: settings }: MeshSettings): Logs {
  if (settings === undefined) return noLogs;
  let logs = made.get(settings);
  if (logs === undefined) {
    const log = accessLog(settings);
    const { name, configType } = log;
    const filter = { filterSpecifier: { case: 'responseFlagFilter' as const, value: { flags: ['NR'] } } };
    const atEnd = { filterSpecifier: { case: 'logTypeFilter' as const, value: { types: [AccessLogType.TcpConnectionEnd] } } };
    logs = {
      all: [log],
      ended: [createShared(AccessLogSchema, { name, configType, filter: atEnd })],
      unmatched: [createShared(AccessLogSchema, { name, configType, filter })],
    };
    made.set(settings, logs);
  }
  return logs;
}

/**
 * Standard output and error are streams, not files: opening `/dev/stdout`, as Istio has Envoy do, fails where it is a socket, as it is for
 * a process started by another.
 */
function accessLog(settings: AccessLogSettings): AccessLog {
  const value = logFormat(settings);
  const format = { case: 'logFormat', value } as const;
  switch (settings.path) {
    case '/dev/stdout':
      return typedLog('envoy.access_loggers.stdout', packAny(StdoutAccessLogSchema, { accessLogFormat: format }));
    case '/dev/stderr':
      return typedLog('envoy.access_loggers.stderr', packAny(StderrAccessLogSchema, { accessLogFormat: format }));
    default:
      return typedLog('envoy.access_loggers.file', packAny(FileAccessLogSchema, { path: settings.path, accessLogFormat: format }));
  }
}

function logFormat({ encoding, format }: AccessLogSettings): SubstitutionFormatString {
  return create(SubstitutionFormatStringSchema, {
    format:
      encoding === 'json'
        ? { case: 'jsonFormat', value: defaultJsonFormat() }
        : { case: 'textFormatSource', value: { specifier: { case: 'inlineString', value: format ?? defaultTextFormat() } } },
  });
}

function typedLog(name: string, config: Any): AccessLog {
  return createShared(AccessLogSchema, { name, configType: { case: 'typedConfig', value: config } });
}
