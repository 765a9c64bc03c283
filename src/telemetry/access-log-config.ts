// Envoy's access_log lists in, one AccessLog out: formats and filters are compiled here, once; writers are shared by path.
// What is not known is an error that names the field.
import type { JsonObject } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { failed, ok, type Result } from '#base/result.ts';
import type { AccessLog as AccessLogMessage } from '#envoy/gen/envoy/config/accesslog/v3/accesslog_pb.js';
import type { SubstitutionFormatString } from '#envoy/gen/envoy/config/core/v3/substitution_format_string_pb.js';
import { FileAccessLogSchema } from '#envoy/gen/envoy/extensions/access_loggers/file/v3/file_pb.js';
import { StderrAccessLogSchema, StdoutAccessLogSchema } from '#envoy/gen/envoy/extensions/access_loggers/stream/v3/stream_pb.js';
import type { AccessLog } from '#telemetry/access-log.ts';
import { compileAccessLogFilter, type RecordFilter } from '#telemetry/access-log-filter.ts';
import { compileJsonFormat, compileTextFormat, envoyDefaultFormat, type LineFormat } from '#telemetry/access-log-format.ts';
import { readText } from '#telemetry/data-source.ts';
import type { LogWriter } from '#telemetry/log-writer.ts';

/** Where lines go: the writer of a path, opened at most once. */
export type OpenLogWriter = (path: string) => Result<LogWriter, string>;

/** The access log of an HTTP connection manager, TCP proxy or listener; undefined where the list is empty. Errors name `access_log[i]`. */
export function compileAccessLogs(messages: readonly AccessLogMessage[], open: OpenLogWriter): Result<AccessLog | undefined, string> {
  const logs: AccessLog[] = [];
  for (const [index, message] of messages.entries()) {
    const log = compileAccessLog(message, open);
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

function compileAccessLog(message: AccessLogMessage, open: OpenLogWriter): Result<AccessLog, string> {
  if (message.configType.case !== 'typedConfig') return failed('has no typed_config');
  const sink = readSink(message.configType.value);
  if (!sink.ok) return sink;
  let filter: RecordFilter | undefined;
  if (message.filter !== undefined) {
    const compiled = compileAccessLogFilter(message.filter);
    if (!compiled.ok) return failed(`filter: ${compiled.error}`);
    filter = compiled.value;
  }
  const writer = open(sink.value.path);
  if (!writer.ok) return writer;
  const format = sink.value.format;
  const lines = writer.value;
  if (filter === undefined) return ok({ write: (record) => lines.write(format(record)) });
  const keep = filter;
  return ok({
    write: (record) => {
      if (keep(record)) lines.write(format(record));
    },
  });
}

type Sink = { readonly path: string; readonly format: LineFormat };
type Typed = Extract<AccessLogMessage['configType'], { readonly case: 'typedConfig' }>['value'];

function readSink(typed: Typed): Result<Sink, string> {
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
  return failed(`typed_config of type ${typed.typeUrl} is not supported`);
}

function formatOrDefault(format: SubstitutionFormatString | undefined): Result<LineFormat, string> {
  return format === undefined ? compileTextFormat(envoyDefaultFormat) : compileSubstitutionFormat(format);
}

function withPath(path: string, format: Result<LineFormat, string>): Result<Sink, string> {
  return format.ok ? ok({ path, format: format.value }) : format;
}
