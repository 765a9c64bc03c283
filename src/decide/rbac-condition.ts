// Conditions that permissions and principals share: header, path, addresses.
import { type IpAddress, inRange, ipRange } from '#base/cidr.ts';
import type { Problems } from '#decide/config-error.ts';
import { compileHeaderCondition } from '#decide/header-condition.ts';
import { headerValues } from '#decide/header-values.ts';
import { pathOnly } from '#decide/path-condition.ts';
import { addressKeys, noKeys, patternsOf, type RuleKeys, type TextRespect, textKeys } from '#decide/rbac-keys.ts';
import { nothing, type RbacRule } from '#decide/rbac-rule.ts';
import type { RbacSubject } from '#decide/rbac-subject.ts';
import { compileStringTest, quoted } from '#decide/string-test.ts';
import type { CidrRange } from '#envoy/gen/envoy/config/core/v3/address_pb.js';
import type { HeaderMatcher } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import type { PathMatcher } from '#envoy/gen/envoy/type/matcher/v3/path_pb.js';
import type { StringMatcher } from '#envoy/gen/envoy/type/matcher/v3/string_pb.js';

/** Of these not even what a rule asks for is told. */
const secretName = /auth|cookie|token|secret|key|password|session|credential/;

/** What was found under these names may be told; other headers may hold what is nobody's business. */
const tellable: ReadonlySet<string> = new Set([':method', ':authority', 'host', ':scheme']);

export function headerRule(matcher: HeaderMatcher, field: string, problems: Problems): RbacRule {
  const condition = compileHeaderCondition(matcher, field, problems);
  const name = matcher.name.toLowerCase();
  const isSecret = secretName.test(name) && name !== ':authority' && matcher.headerMatchSpecifier.case !== 'presentMatch';
  const text = isSecret ? `header ${name} ${matcher.invertMatch ? 'not: ' : ''}is [redacted]` : condition.text;
  const found = ({ request }: RbacSubject): string => {
    if (request === undefined) return 'there is no request';
    if (name === ':path') return `it is ${quoted(pathOnly(request.path))}`;
    const value = condition.found(request);
    return tellable.has(name) || value === 'it is missing' ? value : 'it is another';
  };
  return {
    text,
    matches: ({ request }) => request !== undefined && condition.holds(request),
    missed: (subject) => `${text}: ${found(subject)}`,
    keys: headerKeys(matcher, name),
  };
}

function headerKeys({ headerMatchSpecifier: specifier, invertMatch, treatMissingHeaderAsEmpty }: HeaderMatcher, name: string): RuleKeys {
  if (invertMatch || treatMissingHeaderAsEmpty || specifier.case !== 'stringMatch') return noKeys;
  const found = patternsOf(specifier.value);
  return found === undefined ? noKeys : textKeys(headerRespect(name, found.fold), found.patterns);
}

function headerRespect(name: string, fold: boolean): TextRespect {
  const read = headerValues(name);
  const whole: TextRespect['read'] = ({ request }) => (request === undefined ? undefined : read(request));
  return { kind: 'text', id: `header ${name}${fold ? ' folded' : ''}`, read: fold ? (subject) => folded(whole(subject)) : whole };
}

function folded(values: ReturnType<TextRespect['read']>): ReturnType<TextRespect['read']> {
  return typeof values === 'object' ? values.map((value) => value.toLowerCase()) : values?.toLowerCase();
}

const pathRespect: TextRespect = {
  kind: 'text',
  id: 'path',
  read: ({ request }) => (request === undefined ? undefined : pathOnly(request.path)),
};

/** The path without query and fragment. */
export function pathRule(matcher: PathMatcher, field: string, problems: Problems): RbacRule {
  const asked = matcher.rule.case === 'path' ? matcher.rule.value : undefined;
  const test = compileStringTest(asked, `${field}.path`, problems);
  return pathTestRule(`path ${test.text}`, test.matches, pathKeys(asked));
}

/** `matches` is asked about the path without query and fragment. */
export function pathTestRule(text: string, matches: (path: string) => boolean, keys: RuleKeys): RbacRule {
  return {
    text,
    matches: ({ request }) => request !== undefined && matches(pathOnly(request.path)),
    missed: ({ request }) => `${text}: ${request === undefined ? 'there is no request' : `it is ${quoted(pathOnly(request.path))}`}`,
    keys,
  };
}

function pathKeys(matcher: StringMatcher | undefined): RuleKeys {
  const found = patternsOf(matcher);
  return found === undefined || found.fold ? noKeys : textKeys(pathRespect, found.patterns);
}

/** Paths that begin so. */
export function pathBeginKeys(begin: string): RuleKeys {
  return textKeys(pathRespect, [{ kind: 'prefix', text: begin }]);
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
  const text = `${what} in ${range.text}`;
  return {
    text,
    matches: (subject) => {
      const ip = read(subject);
      return ip !== undefined && inRange(ip, range);
    },
    missed: ({ connection }) => {
      const { destinationAddress, sourceAddress, remoteAddress } = connection;
      const found = what === 'destination' ? destinationAddress : what === 'client' ? (remoteAddress ?? sourceAddress) : sourceAddress;
      return `${text}: it is ${found}`;
    },
    keys: addressKeys({ kind: 'address', id: what, read }, range),
  };
}
