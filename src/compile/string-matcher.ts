// A text condition as Envoy's StringMatcher.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { assertNever } from '#base/assert-never.ts';
import type { StringMatcherSchema } from '#envoy/gen/envoy/type/matcher/v3/string_pb.js';
import type { StringMatch } from '#model/string-match.ts';

/** Undefined for "is present", which a regular expression `*` means, too (it is none of RE2's). Source: Istio, canBeConvertedToPresentMatch. */
export function stringMatcher(match: StringMatch): MessageInitShape<typeof StringMatcherSchema> | undefined {
  switch (match.kind) {
    case 'exact':
      return { matchPattern: { case: 'exact', value: match.value }, ignoreCase: match.ignoreCase ?? false };
    case 'prefix':
      return { matchPattern: { case: 'prefix', value: match.value }, ignoreCase: match.ignoreCase ?? false };
    case 'regex':
      return match.value === '*' ? undefined : { matchPattern: { case: 'safeRegex', value: { regex: match.value } } };
    case 'present':
      return undefined;
    default:
      return assertNever(match, 'string match');
  }
}
