// Which records an access log keeps: Envoy's AccessLogFilter in, a predicate out. A kind of filter that is not known is an error.
import { failed, ok, type Result } from '#base/result.ts';
import {
  type AccessLogFilter,
  type ComparisonFilter,
  ComparisonFilter_Op,
  type LogTypeFilter,
} from '#envoy/gen/envoy/config/accesslog/v3/accesslog_pb.js';
import type { AccessRecord } from '#telemetry/access-record.ts';
import { isResponseFlag } from '#telemetry/response-flags.ts';

export type RecordFilter = (record: AccessRecord) => boolean;

/** Source: envoy.config.accesslog.v3.AccessLogFilter. The error names the field. */
export function compileAccessLogFilter(filter: AccessLogFilter): Result<RecordFilter, string> {
  const specifier = filter.filterSpecifier;
  switch (specifier.case) {
    case 'statusCodeFilter':
      return compileComparison(specifier.value.comparison, (record) => record.responseCode);
    case 'durationFilter':
      return compileComparison(specifier.value.comparison, (record) => record.durationMs);
    case 'responseFlagFilter':
      return compileFlags(specifier.value.flags);
    case 'andFilter':
      return compileAll(specifier.value.filters, (tests) => (record) => tests.every((test) => test(record)));
    case 'orFilter':
      return compileAll(specifier.value.filters, (tests) => (record) => tests.some((test) => test(record)));
    case 'logTypeFilter':
      return ok(compileLogTypes(specifier.value));
    // No health check filter of ours marks requests, so none is one.
    case 'notHealthCheckFilter':
      return ok(() => true);
    case undefined:
      return failed('is empty');
    default:
      return failed(`${specifier.case.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)} is not supported`);
  }
}

function compileComparison(comparison: ComparisonFilter | undefined, read: (record: AccessRecord) => number): Result<RecordFilter, string> {
  const limit = comparison?.value?.defaultValue;
  if (comparison === undefined || limit === undefined) return failed('comparison.value is missing');
  switch (comparison.op) {
    case ComparisonFilter_Op.EQ:
      return ok((record) => read(record) === limit);
    case ComparisonFilter_Op.GE:
      return ok((record) => read(record) >= limit);
    case ComparisonFilter_Op.LE:
      return ok((record) => read(record) <= limit);
    default:
      return failed(`comparison.op ${String(comparison.op)} is not known`);
  }
}

// No flags: every record with any flag is kept.
function compileFlags(flags: readonly string[]): Result<RecordFilter, string> {
  const unknown = flags.find((flag) => !isResponseFlag(flag));
  if (unknown !== undefined) return failed(`response_flag_filter names ${unknown}, which is no response flag`);
  if (flags.length === 0) return ok((record) => record.responseFlags !== '');
  const wanted = new Set(flags);
  return ok((record) => record.responseFlags.split(',').some((flag) => wanted.has(flag)));
}

/** Why a record is written: `exclude` keeps all others. */
function compileLogTypes({ types, exclude }: LogTypeFilter): RecordFilter {
  const named = new Set<number>(types);
  return ({ logType }) => named.has(logType) !== exclude;
}

function compileAll(filters: readonly AccessLogFilter[], join: (tests: readonly RecordFilter[]) => RecordFilter): Result<RecordFilter, string> {
  const tests: RecordFilter[] = [];
  for (const filter of filters) {
    const test = compileAccessLogFilter(filter);
    if (!test.ok) return test;
    tests.push(test.value);
  }
  return ok(join(tests));
}
