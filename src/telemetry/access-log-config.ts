// Envoy's access_log lists in, one AccessLog out: formats and filters are compiled here, once; writers are shared by path.
// What is not known is an error that names the field.
import type { JsonObject } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { failed, ok, type Result } from '#base/result.ts';
import type { AccessLog as AccessLogMessage } from '#envoy/gen/envoy/config/accesslog/v3/accesslog_pb.js';
import type { SubstitutionFormatString } from '#envoy/gen/envoy/config/core/v3/substitution_format_string_pb.js';
import { FileAccessLogSchema } from '#envoy/gen/envoy/extensions/access_loggers/file/v3/file_pb.js';
import { ConfigSchema as StatsAccessLogSchema } from '#envoy/gen/envoy/extensions/access_loggers/stats/v3/stats_pb.js';
import { StderrAccessLogSchema, StdoutAccessLogSchema } from '#envoy/gen/envoy/extensions/access_loggers/stream/v3/stream_pb.js';
import type { AccessLog } from '#telemetry/access-log.ts';
import { compileAccessLogFilter } from '#telemetry/access-log-filter.ts';
import { compileJsonFormat, compileTextFormat, envoyDefaultFormat, type LineFormat } from '#telemetry/access-log-format.ts';
import { readText } from '#telemetry/data-source.ts';
import type { LogWriter } from '#telemetry/log-writer.ts';
import { MetricStore } from '#telemetry/metrics/metric-store.ts';
import { compileStatsLogger } from '#telemetry/metrics/stats-logger.ts';

/** Where lines go: the writer of a path, opened at most once. */
export type OpenLogWriter = (path: string) => Result<LogWriter, string>;

/** Where what is logged goes. Without a store nothing is counted: what only looks at formats has none. */
export type LogSinks = { readonly open: OpenLogWriter; readonly metrics?: MetricStore };

/** The access log of an HTTP connection manager, TCP proxy or listener; undefined where the list is empty. Errors name `access_log[i]`. */
export function compileAccessLogs(messages: readonly AccessLogMessage[], sinks: LogSinks): Result<AccessLog | undefined, string> {
  const logs: AccessLog[] = [];
  for (const [index, message] of messages.entries()) {
    const log = compileAccessLog(message, sinks);
    if (!log.ok) return failed(`access_log[${index}]: ${log.error}`);
    logs.push(log.value);
  }
  const [only] = logs;
  if (logs.length <= 1) return ok(only);
  return ok({
    write: (record) => {
      for (const log of logs) log.write(record);
    },
  });
}

/** The line for one SubstitutionFormatString (access log formats, the body_format of local replies). */
export function compileSubstitutionFormat(format: SubstitutionFormatString): Result<LineFormat, string> {
  const missing = format.omitEmptyValues ? '' : '-';
  switch (format.format.case) {
    case 'textFormat':
      return compileTextFormat(format.format.value, missing);
    case 'jsonFormat':
      return compileJsonFormat(format.format.value, format.omitEmptyValues);
    case 'textFormatSource': {
      const text = readText(format.format.value);
      return text.ok ? compileTextFormat(text.value, missing) : failed(`text_format_source: ${text.error}`);
    }
    default:
      return failed('the format is empty');
  }
}

function compileAccessLog(message: AccessLogMessage, sinks: LogSinks): Result<AccessLog, string> {
  if (message.configType.case !== 'typedConfig') return failed('has no typed_config');
  const log = compileLogger(message.configType.value, sinks);
  if (!log.ok || message.filter === undefined) return log;
  const filter = compileAccessLogFilter(message.filter);
  if (!filter.ok) return failed(`filter: ${filter.error}`);
  const keep = filter.value;
  const { write } = log.value;
  return ok({
    write: (record) => {
      if (keep(record)) write(record);
    },
  });
}

type Typed = Extract<AccessLogMessage['configType'], { readonly case: 'typedConfig' }>['value'];

/** What makes a log of a configuration that is of its kind; undefined: it is of another. */
type LoggerKind = (typed: Typed, sinks: LogSinks) => Result<AccessLog, string> | undefined;

/** All kinds of access loggers. */
const loggerKinds: readonly LoggerKind[] = [compileMetrics, compileLines];

function compileLogger(typed: Typed, sinks: LogSinks): Result<AccessLog, string> {
  for (const kind of loggerKinds) {
    const log = kind(typed, sinks);
    if (log !== undefined) return log;
  }
  return failed(`typed_config of type ${typed.typeUrl} is not supported`);
}

function compileMetrics(typed: Typed, { metrics = new MetricStore() }: LogSinks): Result<AccessLog, string> | undefined {
  const config = anyUnpack(typed, StatsAccessLogSchema);
  return config === undefined ? undefined : compileStatsLogger(config, metrics);
}

function compileLines(typed: Typed, { open }: LogSinks): Result<AccessLog, string> | undefined {
  const sink = readSink(typed);
  if (sink === undefined || !sink.ok) return sink;
  const writer = open(sink.value.path);
  if (!writer.ok) return writer;
  const { format } = sink.value;
  const lines = writer.value;
  return ok({ write: (record) => lines.write(format(record)) });
}

type Sink = { readonly path: string; readonly format: LineFormat };
function readSink(typed: Typed): Result<Sink, string> | undefined {
  const file = anyUnpack(typed, FileAccessLogSchema);
  if (file !== undefined) {
    if (file.path === '') return failed('path is empty');
    const { accessLogFormat } = file;
    switch (accessLogFormat.case) {
      case 'format':
        return withPath(file.path, compileTextFormat(accessLogFormat.value === '' ? envoyDefaultFormat : accessLogFormat.value));
      case 'jsonFormat':
      case 'typedJsonFormat':
        return withPath(file.path, compileJsonFormat(accessLogFormat.value satisfies JsonObject));
      case 'logFormat':
        return withPath(file.path, compileSubstitutionFormat(accessLogFormat.value));
      default:
        return withPath(file.path, compileTextFormat(envoyDefaultFormat));
    }
  }
  const stdout = anyUnpack(typed, StdoutAccessLogSchema);
  if (stdout !== undefined) return withPath('/dev/stdout', formatOrDefault(stdout.accessLogFormat.value));
  const stderr = anyUnpack(typed, StderrAccessLogSchema);
  if (stderr !== undefined) return withPath('/dev/stderr', formatOrDefault(stderr.accessLogFormat.value));
  return undefined;
}

function formatOrDefault(format: SubstitutionFormatString | undefined): Result<LineFormat, string> {
  return format === undefined ? compileTextFormat(envoyDefaultFormat) : compileSubstitutionFormat(format);
}

function withPath(path: string, format: Result<LineFormat, string>): Result<Sink, string> {
  return format.ok ? ok({ path, format: format.value }) : format;
}
