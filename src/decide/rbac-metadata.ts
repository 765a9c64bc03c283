// Envoy's MetadataMatcher and ValueMatcher (type/matcher/v3) on what filters found out about a request: claims of its token, verdicts before.
import type { JsonValue } from '@bufbuild/protobuf';
import type { Problems } from '#decide/config-error.ts';
import { metadataAt } from '#decide/dynamic-metadata.ts';
import { anyKeys, noKeys, patternsOf, type RuleKeys, type TextRespect, textKeys } from '#decide/rbac-keys.ts';
import { nothing, type RbacRule } from '#decide/rbac-rule.ts';
import type { RbacSubject } from '#decide/rbac-subject.ts';
import { compileStringTest } from '#decide/string-test.ts';
import type { MetadataSource, SourcedMetadata } from '#envoy/gen/envoy/config/rbac/v3/rbac_pb.js';
import type { MetadataMatcher } from '#envoy/gen/envoy/type/matcher/v3/metadata_pb.js';
import type { DoubleMatcher } from '#envoy/gen/envoy/type/matcher/v3/number_pb.js';
import type { StringMatcher } from '#envoy/gen/envoy/type/matcher/v3/string_pb.js';
import type { ValueMatcher } from '#envoy/gen/envoy/type/matcher/v3/value_pb.js';

/** A number, as its type alone is imported: the compiler holds it against that. */
const fromFilters: MetadataSource.DYNAMIC = 0;

/** `matches` is asked with undefined where nothing is there. `keys` are of what stands at the path, or of one thing in a list there. */
export type ValueTest = {
  readonly text: string;
  readonly matches: (value: JsonValue | undefined) => boolean;
  readonly keys: (respects: Respects) => RuleKeys;
};

/** The texts at a path, as they are and in lower case. */
export type Respects = { readonly plain: TextRespect; readonly folded: TextRespect };

const nowhere = (): RuleKeys => noKeys;
const never: ValueTest = { text: 'is invalid', matches: () => false, keys: nowhere };

export function metadataRule(matcher: MetadataMatcher, field: string, problems: Problems): RbacRule {
  const { filter, path, value, invert } = matcher;
  const keys = path.map(({ segment }) => segment.value ?? '');
  if (filter === '') problems.report(`${field}.filter`, 'is required');
  if (keys.length === 0) problems.report(`${field}.path`, 'at least one segment is required');
  const test = compileValueTest(value, `${field}.value`, problems);
  const read = ({ metadata }: RbacSubject): JsonValue | undefined => metadataAt(metadata, filter, keys);
  const text = `metadata ${filter} ${keys.join('.')} ${invert ? `not: ${test.text}` : test.text}`;
  return {
    text,
    matches: (subject) => test.matches(read(subject)) !== invert,
    missed: (subject) => `${text}: ${read(subject) === undefined ? 'it is missing' : 'it is another'}`,
    keys: invert ? noKeys : test.keys(respectsOf(filter, keys, read)),
  };
}

/** Of routes' metadata no more than texts is kept here, so rules about it are refused. */
export function sourcedMetadataRule({ metadataMatcher, metadataSource }: SourcedMetadata, field: string, problems: Problems): RbacRule {
  if (metadataSource === fromFilters && metadataMatcher !== undefined) {
    return metadataRule(metadataMatcher, `${field}.metadata_matcher`, problems);
  }
  problems.report(field, metadataMatcher === undefined ? 'metadata_matcher is required' : 'metadata_source ROUTE is not supported');
  return nothing;
}

function respectsOf(filter: string, path: readonly string[], read: (subject: RbacSubject) => JsonValue | undefined): Respects {
  const id = `metadata ${JSON.stringify([filter, ...path])}`;
  const texts = (subject: RbacSubject): readonly string[] => {
    const value = read(subject);
    if (typeof value === 'string') return [value];
    return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
  };
  const folded = (subject: RbacSubject): readonly string[] => texts(subject).map((each) => each.toLowerCase());
  return { plain: { kind: 'text', id, read: texts }, folded: { kind: 'text', id: `${id} folded`, read: folded } };
}

/** What is wrong with the matcher goes to `problems`; the test then matches nothing. */
export function compileValueTest(matcher: ValueMatcher | undefined, field: string, problems: Problems): ValueTest {
  const pattern = matcher?.matchPattern;
  switch (pattern?.case) {
    case 'nullMatch':
      return { text: 'is null', matches: (value) => value === null, keys: nowhere };
    case 'doubleMatch':
      return numberTest(pattern.value);
    case 'stringMatch':
      return textTest(pattern.value, field, problems);
    case 'boolMatch': {
      const wanted = pattern.value;
      return { text: `is ${String(wanted)}`, matches: (value) => value === wanted, keys: nowhere };
    }
    case 'presentMatch': {
      const wanted = pattern.value;
      return { text: wanted ? 'is present' : 'is present (never asked)', matches: (value) => wanted && value !== undefined, keys: nowhere };
    }
    case 'listMatch':
      return listTest(pattern.value.matchPattern.value, `${field}.list_match`, problems);
    case 'orMatch': {
      const tests = pattern.value.valueMatchers.map((each, index) => compileValueTest(each, `${field}.or_match.value_matchers[${index}]`, problems));
      return {
        text: tests.map(({ text }) => text).join(' or '),
        matches: (value) => tests.some((test) => test.matches(value)),
        keys: (respects) => anyKeys(tests.map(({ keys }) => keys(respects))),
      };
    }
    case undefined:
      problems.report(field, 'one of null_match, double_match, string_match, bool_match, present_match, list_match, or_match is required');
      return never;
  }
}

function textTest(matcher: StringMatcher, field: string, problems: Problems): ValueTest {
  const test = compileStringTest(matcher, `${field}.string_match`, problems);
  const found = patternsOf(matcher);
  return {
    text: test.text,
    matches: (value) => typeof value === 'string' && test.matches(value),
    keys: ({ plain, folded }) => (found === undefined ? noKeys : textKeys(found.fold ? folded : plain, found.patterns)),
  };
}

function numberTest({ matchPattern: pattern }: DoubleMatcher): ValueTest {
  if (pattern.case !== 'range') {
    const wanted = pattern.value;
    return { text: `is ${String(wanted)}`, matches: (value) => value === wanted, keys: nowhere };
  }
  const { start, end } = pattern.value;
  const matches = (value: JsonValue | undefined): boolean => typeof value === 'number' && value >= start && value < end;
  return { text: `is from ${start} to below ${end}`, matches, keys: nowhere };
}

function listTest(oneOf: ValueMatcher | undefined, field: string, problems: Problems): ValueTest {
  const test = compileValueTest(oneOf, `${field}.one_of`, problems);
  const isText = oneOf?.matchPattern.case === 'stringMatch' || isTexts(oneOf);
  return {
    text: `has one that ${test.text}`,
    matches: (value) => Array.isArray(value) && value.some((each) => test.matches(each)),
    // A list within the list is not among the texts.
    keys: isText ? test.keys : nowhere,
  };
}

function isTexts(matcher: ValueMatcher | undefined): boolean {
  const pattern = matcher?.matchPattern;
  return pattern?.case === 'orMatch' && pattern.value.valueMatchers.every(({ matchPattern }) => matchPattern.case === 'stringMatch');
}
