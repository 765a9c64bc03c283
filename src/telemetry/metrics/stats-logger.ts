// Envoy's stats access logger, compiled once: counters and histograms whose labels and values are read from records. In: its configuration. Out: an
// access log that adds to the series of a store. Stats with the same labels find their series together.
import { failed, ok, type Result } from '#base/result.ts';
import type { Config, Config_Stat } from '#envoy/gen/envoy/extensions/access_loggers/stats/v3/stats_pb.js';
import type { AccessLog } from '#telemetry/access-log.ts';
import { compileValueFormat } from '#telemetry/access-log-format.ts';
import type { MetricStore, ScopeLimits } from '#telemetry/metrics/metric-store.ts';
import type { Label, SeriesGroup, Stat } from '#telemetry/metrics/series-group.ts';

type Group = { readonly key: string; readonly tags: Config_Stat['tags']; readonly stats: Stat[]; keyOfStats: string };

/** Errors name the stat. */
export function compileStatsLogger(config: Config, store: MetricStore): Result<AccessLog, string> {
  const groups = new Map<string, Group>();
  const problems: string[] = [];
  const add = (stat: Config_Stat | undefined, kind: Stat['kind'], format: string, fixed: bigint | undefined): void => {
    if (stat === undefined || stat.name === '') return void problems.push(`${kind}s: a stat has no name`);
    const value = valueOf(format, fixed);
    if (!value.ok) return void problems.push(`stat ${stat.name}: ${value.error}`);
    const key = JSON.stringify(stat.tags.map(({ name, valueFormat }) => [name, valueFormat]));
    const group = groups.get(key) ?? { key, tags: stat.tags, stats: [], keyOfStats: '' };
    groups.set(key, group);
    group.stats.push({ name: `${prefixOf(config)}${stat.name}`, kind, value: value.value });
    group.keyOfStats += ` ${kind} ${stat.name} ${format} ${fixed ?? ''}`;
  };
  for (const { stat, valueFormat, valueFixed } of config.counters) add(stat, 'counter', valueFormat, valueFixed);
  for (const { stat, valueFormat } of config.histograms) add(stat, 'histogram', valueFormat, undefined);
  const compiled: SeriesGroup[] = [];
  for (const group of groups.values()) {
    const labels = labelsOf(group.tags);
    if (!labels.ok) problems.push(labels.error);
    else
      compiled.push(
        store.group(scopeName(config), limitsOf(config), `${group.key}${group.keyOfStats}`, () => ({ stats: group.stats, labels: labels.value })),
      );
  }
  const [problem] = problems;
  if (problem !== undefined) return failed(problem);
  const [only] = compiled;
  if (only !== undefined && compiled.length === 1) return ok({ write: (record) => only.record(record) });
  return ok({
    write: (record) => {
      for (const group of compiled) group.record(record);
    },
  });
}

function prefixOf({ statPrefix, statsScope }: Config): string {
  const prefix = statsScope?.prefix ?? statPrefix;
  return prefix === '' ? '' : `${prefix}.`;
}

/** Those with one sharing_name are one scope. */
function scopeName({ statPrefix, statsScope }: Config): string {
  return statsScope === undefined ? statPrefix : `${statsScope.prefix} ${statsScope.sharingName}`;
}

function limitsOf({ statsScope }: Config): ScopeLimits {
  return {
    maxCounters: statsScope?.maxCounters ?? Number.POSITIVE_INFINITY,
    maxHistograms: statsScope?.maxHistograms ?? Number.POSITIVE_INFINITY,
  };
}

function valueOf(format: string, fixed: bigint | undefined): Result<Stat['value'], string> {
  if (fixed !== undefined) {
    const value = Number(fixed);
    return ok(() => value);
  }
  const compiled = compileValueFormat(format);
  if (!compiled.ok) return compiled;
  const { value } = compiled;
  return typeof value === 'string' ? failed(`value_format ${format} is no operator`) : ok(value);
}

function labelsOf(tags: Config_Stat['tags']): Result<readonly Label[], string> {
  const labels: Label[] = [];
  for (const { name, valueFormat } of tags) {
    const compiled = compileValueFormat(valueFormat);
    if (!compiled.ok) return failed(`tag ${name}: ${compiled.error}`);
    labels.push({ name, value: compiled.value });
  }
  return ok(labels);
}
