// Access log formats, compiled once: Envoy's format string (or JSON shape) in, a function from a record to a line out.
// Nothing is parsed per request. `%%` is a percent sign; a missing value is '-' in text and null in JSON.
import { failed, ok, type Result } from '#base/result.ts';
import { compileOperator, type FieldReader } from '#telemetry/access-log-operators.ts';
import type { AccessRecord } from '#telemetry/access-record.ts';

export type LineFormat = (record: AccessRecord) => string;

/** Envoy's format for an access log without one. */
export const envoyDefaultFormat =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% ' +
  '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" ' +
  '"%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n';

/** Istio's format for mesh access logs. */
export const istioDefaultFormat =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% ' +
  '%CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% ' +
  '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" ' +
  '"%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% ' +
  '%REQUESTED_SERVER_NAME% %ROUTE_NAME%\n';

/** A shape of strings (each a format), numbers, booleans, lists and objects, as json_format carries it. */
export type JsonShape = string | number | boolean | null | readonly JsonShape[] | { readonly [name: string]: JsonShape };

/** The line for a format string. `missing` is what an unknown value prints: '-', or '' with omit_empty_values. */
export function compileTextFormat(format: string, missing = '-'): Result<LineFormat, string> {
  const parts = parseFormat(format);
  return parts.ok ? ok(joinParts(parts.value, missing)) : parts;
}

/** One JSON object a line, its keys sorted as Envoy sorts them. A value that is a single operator keeps its type. */
export function compileJsonFormat(shape: JsonShape, omitEmpty = false): Result<LineFormat, string> {
  const value = compileJsonValue(shape, omitEmpty);
  if (!value.ok) return value;
  const print = value.value;
  return ok((record) => `${print(record) ?? 'null'}\n`);
}

/** A format as a value: its text where it has no operator, the reader where it is one, and otherwise what puts them together. Nothing: ''. */
export function compileValueFormat(format: string): Result<string | FieldReader, string> {
  const parsed = parseFormat(format);
  if (!parsed.ok) return parsed;
  const parts = parsed.value;
  const [only] = parts;
  if (parts.length <= 1) return ok(only ?? '');
  return ok(joinParts(parts, ''));
}

type Part = string | FieldReader;

// Envoy's grammar of an operator: %NAME%, %NAME(argument)%, %NAME(argument):maxLength%.
const operatorPattern = /%([A-Z0-9_]+)(?:\((.*?)\))?(?::(\d+))?%/sy;

function parseFormat(format: string): Result<Part[], string> {
  const parts: Part[] = [];
  let literal = '';
  let at = 0;
  while (at < format.length) {
    const percent = format.indexOf('%', at);
    if (percent < 0) {
      literal += format.slice(at);
      break;
    }
    literal += format.slice(at, percent);
    if (format[percent + 1] === '%') {
      literal += '%';
      at = percent + 2;
      continue;
    }
    operatorPattern.lastIndex = percent;
    const match = operatorPattern.exec(format);
    if (match === null) return failed(`access log format has a '%' at position ${percent} that starts no operator`);
    const reader = compileOperator(match[1] ?? '', match[2]);
    if (!reader.ok) return reader;
    if (literal !== '') parts.push(literal);
    literal = '';
    parts.push(match[3] === undefined ? reader.value : truncated(reader.value, Number(match[3])));
    at = operatorPattern.lastIndex;
  }
  if (literal !== '') parts.push(literal);
  return ok(parts);
}

function truncated(reader: FieldReader, maxLength: number): FieldReader {
  return (record) => {
    const value = reader(record);
    return typeof value === 'string' ? value.slice(0, maxLength) : value;
  };
}

function joinParts(parts: readonly Part[], missing: string): LineFormat {
  return (record) => {
    let line = '';
    for (const part of parts) line += typeof part === 'string' ? part : (part(record) ?? missing);
    return line;
  };
}

// Undefined: left out of the object around it.
type JsonPrinter = (record: AccessRecord) => string | undefined;

function compileJsonValue(shape: JsonShape, omitEmpty: boolean): Result<JsonPrinter, string> {
  if (typeof shape === 'string') return compileJsonText(shape, omitEmpty);
  if (shape === null || typeof shape === 'number' || typeof shape === 'boolean') {
    const literal = JSON.stringify(shape);
    return ok(() => literal);
  }
  return isList(shape) ? compileJsonList(shape, omitEmpty) : compileJsonObject(shape, omitEmpty);
}

function isList(shape: readonly JsonShape[] | { readonly [name: string]: JsonShape }): shape is readonly JsonShape[] {
  return Array.isArray(shape);
}

function compileJsonText(format: string, omitEmpty: boolean): Result<JsonPrinter, string> {
  const parts = parseFormat(format);
  if (!parts.ok) return parts;
  const [only] = parts.value;
  if (parts.value.length === 1 && typeof only === 'function') {
    return ok((record) => {
      const value = only(record);
      return value === undefined ? (omitEmpty ? undefined : 'null') : JSON.stringify(value);
    });
  }
  const line = joinParts(parts.value, omitEmpty ? '' : '-');
  return ok((record) => JSON.stringify(line(record)));
}

function compileJsonList(shape: readonly JsonShape[], omitEmpty: boolean): Result<JsonPrinter, string> {
  const printers: JsonPrinter[] = [];
  for (const item of shape) {
    const printer = compileJsonValue(item, omitEmpty);
    if (!printer.ok) return printer;
    printers.push(printer.value);
  }
  return ok((record) => `[${printers.map((print) => print(record) ?? 'null').join(',')}]`);
}

function compileJsonObject(shape: { readonly [name: string]: JsonShape }, omitEmpty: boolean): Result<JsonPrinter, string> {
  const fields: { readonly key: string; readonly print: JsonPrinter }[] = [];
  for (const name of Object.keys(shape).sort()) {
    const printer = compileJsonValue(shape[name] ?? null, omitEmpty);
    if (!printer.ok) return failed(`${name}: ${printer.error}`);
    fields.push({ key: `${JSON.stringify(name)}:`, print: printer.value });
  }
  return ok((record) => {
    let line = '';
    for (const { key, print } of fields) {
      const value = print(record);
      if (value !== undefined) line += line === '' ? key + value : `,${key}${value}`;
    }
    return `{${line}}`;
  });
}
