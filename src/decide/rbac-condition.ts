// Conditions that permissions and principals share: header, path, IP range, metadata.
import { type IpAddress, inRange, ipRange } from '#base/cidr.ts';
import type { Problems } from '#decide/config-error.ts';
import { compileHeaderCondition } from '#decide/header-condition.ts';
import { pathOnly } from '#decide/path-condition.ts';
import { nothing, type RbacRule, type RbacSubject } from '#decide/rbac-subject.ts';
import { compileStringTest } from '#decide/string-test.ts';
import type { CidrRange } from '#envoy/gen/envoy/config/core/v3/address_pb.js';
import type { HeaderMatcher } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import type { MetadataMatcher } from '#envoy/gen/envoy/type/matcher/v3/metadata_pb.js';
import type { PathMatcher } from '#envoy/gen/envoy/type/matcher/v3/path_pb.js';

export function headerRule(matcher: HeaderMatcher, field: string, problems: Problems): RbacRule {
  const condition = compileHeaderCondition(matcher, field, problems);
  return { text: condition.text, matches: ({ request }) => request !== undefined && condition.holds(request) };
}

/** The path without query and fragment. */
export function pathRule(matcher: PathMatcher, field: string, problems: Problems): RbacRule {
  const test = compileStringTest(matcher.rule.case === 'path' ? matcher.rule.value : undefined, `${field}.path`, problems);
  return { text: `path ${test.text}`, matches: ({ request }) => request !== undefined && test.matches(pathOnly(request.path)) };
}

export function addressRule(
  what: string,
  cidr: CidrRange,
  read: (subject: RbacSubject) => IpAddress | undefined,
  field: string,
  problems: Problems,
): RbacRule {
  const range = ipRange(cidr.addressPrefix, cidr.prefixLen ?? 0);
  if (range === undefined) {
    problems.report(field, `${cidr.addressPrefix}/${cidr.prefixLen ?? 0} is not an IP range`);
    return nothing;
  }
  return {
    text: `${what} in ${range.text}`,
    matches: (subject) => {
      const ip = read(subject);
      return ip !== undefined && inRange(ip, range);
    },
  };
}

/** No filter of this proxy sets dynamic metadata: nothing is there to match, and `invert` matches always (Envoy: MetadataMatcher). */
export function metadataRule(matcher: MetadataMatcher): RbacRule {
  const path = matcher.path.map(({ segment }) => segment.value ?? '').join('.');
  return { text: `metadata ${matcher.filter} ${path}`, matches: () => matcher.invert };
}
