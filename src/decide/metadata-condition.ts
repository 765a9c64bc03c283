// Envoy's MetadataMatcher as a condition of a route: what filters found out before the request was routed again. The first time there is nothing yet.
import type { Condition } from '#decide/condition.ts';
import type { Problems } from '#decide/config-error.ts';
import { metadataAt } from '#decide/dynamic-metadata.ts';
import { compileValueTest } from '#decide/rbac-metadata.ts';
import type { MetadataMatcher } from '#envoy/gen/envoy/type/matcher/v3/metadata_pb.js';

export function compileMetadataCondition(matcher: MetadataMatcher, field: string, problems: Problems): Condition {
  const { filter, path, value, invert } = matcher;
  const keys = path.map(({ segment }) => segment.value ?? '');
  if (filter === '') problems.report(`${field}.filter`, 'is required');
  if (keys.length === 0) problems.report(`${field}.path`, 'at least one segment is required');
  const test = compileValueTest(value, `${field}.value`, problems);
  return {
    text: `metadata ${filter} ${keys.join('.')} ${invert ? `not: ${test.text}` : test.text}`,
    holds: ({ metadata }) => test.matches(metadataAt(metadata, filter, keys)) !== invert,
    // Of a token no more than whether it is there.
    found: ({ metadata }) => (metadataAt(metadata, filter, keys) === undefined ? 'it is missing' : 'it is another'),
  };
}
