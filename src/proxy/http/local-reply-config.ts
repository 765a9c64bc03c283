// Envoy's local_reply_config, compiled once: from the record of a request that the proxy answers itself to what the client gets.
// The first mapper whose filter takes the record may change status, body, fields and format; then the format makes the body.
import { failed, ok, type Result } from '#base/result.ts';
import type { HeaderValueOption } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import type { SubstitutionFormatString } from '#envoy/gen/envoy/config/core/v3/substitution_format_string_pb.js';
import type {
  LocalReplyConfig,
  ResponseMapper,
} from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { LocalReplyFormat } from '#proxy/http/request-context.ts';
import { compileSubstitutionFormat } from '#telemetry/access-log-config.ts';
import { compileAccessLogFilter, type RecordFilter } from '#telemetry/access-log-filter.ts';
import { compileTextFormat, type LineFormat } from '#telemetry/access-log-format.ts';

type BodyFormat = { readonly print: LineFormat; readonly contentType: string };
type AddedField = { readonly name: string; readonly print: LineFormat };
type Mapper = {
  readonly takes: RecordFilter;
  readonly status: number | undefined;
  readonly body: string | undefined;
  readonly format: BodyFormat | undefined;
  readonly fields: readonly AddedField[];
};

/** Undefined where the configuration is empty. The error names the field. */
export function compileLocalReply(config: LocalReplyConfig | undefined): Result<LocalReplyFormat | undefined, string> {
  if (config === undefined) return ok(undefined);
  const format = compileBodyFormat(config.bodyFormat);
  if (!format.ok) return failed(`local_reply_config.body_format: ${format.error}`);
  const mappers: Mapper[] = [];
  for (const [index, message] of config.mappers.entries()) {
    const mapper = compileMapper(message);
    if (!mapper.ok) return failed(`local_reply_config.mappers[${index}].${mapper.error}`);
    mappers.push(mapper.value);
  }
  return ok((record) => {
    const mapper = mappers.find(({ takes }) => takes(record));
    if (mapper?.status !== undefined) record.responseCode = mapper.status;
    if (mapper?.body !== undefined) record.localReplyBody = mapper.body;
    const chosen = mapper?.format ?? format.value;
    const fields = mapper?.fields.flatMap(({ name, print }) => [name, print(record)]) ?? [];
    const body = chosen === undefined ? record.localReplyBody : chosen.print(record);
    return { status: record.responseCode, body, contentType: chosen?.contentType ?? 'text/plain', headers: fields };
  });
}

function compileMapper(message: ResponseMapper): Result<Mapper, string> {
  if (message.filter === undefined) return failed('filter is required');
  const takes = compileAccessLogFilter(message.filter);
  if (!takes.ok) return failed(`filter: ${takes.error}`);
  const format = compileBodyFormat(message.bodyFormatOverride);
  if (!format.ok) return failed(`body_format_override: ${format.error}`);
  const source = message.body?.specifier;
  if (source !== undefined && source.case !== 'inlineString' && source.case !== 'inlineBytes') return failed('body: only inline text is supported');
  const body = source === undefined ? undefined : typeof source.value === 'string' ? source.value : Buffer.from(source.value).toString();
  const fields: AddedField[] = [];
  for (const option of message.headersToAdd) {
    const field = compileField(option);
    if (!field.ok) return failed(`headers_to_add: ${field.error}`);
    fields.push(field.value);
  }
  return ok({ takes: takes.value, status: message.statusCode, body, format: format.value, fields });
}

function compileField({ header }: HeaderValueOption): Result<AddedField, string> {
  const print = compileTextFormat(header?.value ?? '');
  return print.ok ? ok({ name: (header?.key ?? '').toLowerCase(), print: print.value }) : print;
}

/** Envoy: JSON formats answer application/json, text formats text/plain, unless content_type says otherwise. */
function compileBodyFormat(format: SubstitutionFormatString | undefined): Result<BodyFormat | undefined, string> {
  if (format === undefined) return ok(undefined);
  const print = compileSubstitutionFormat(format);
  if (!print.ok) return print;
  const isJson = format.format.case === 'jsonFormat';
  return ok({ print: print.value, contentType: format.contentType !== '' ? format.contentType : isJson ? 'application/json' : 'text/plain' });
}
