// What the values of an AuthorizationPolicy mean, as Envoy's matchers: `*` is any value that is not empty, `prefix*`, `*suffix`, else exact.
// Source: Istio, pilot/pkg/security/authz/matcher.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { CidrRangeSchema } from '#envoy/gen/envoy/config/core/v3/address_pb.js';
import type { HeaderMatcherSchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import type { MetadataMatcherSchema } from '#envoy/gen/envoy/type/matcher/v3/metadata_pb.js';
import type { StringMatcherSchema } from '#envoy/gen/envoy/type/matcher/v3/string_pb.js';
import type { ValueMatcherSchema } from '#envoy/gen/envoy/type/matcher/v3/value_pb.js';

export type StringMatcherInit = MessageInitShape<typeof StringMatcherSchema>;
export type ValueMatcherInit = MessageInitShape<typeof ValueMatcherSchema>;

/** With `prefix` in front of what the value says; it is not asked for where the value is `*`. */
export function stringMatcherOf(value: string, prefix = ''): StringMatcherInit {
  if (value === '*') return regexMatcher('.+');
  if (value.startsWith('*')) {
    const suffix = value.slice(1);
    return prefix === '' ? { matchPattern: { case: 'suffix', value: suffix } } : regexMatcher(`${prefix}.*${quoteMeta(suffix)}`);
  }
  if (value.endsWith('*')) return { matchPattern: { case: 'prefix', value: prefix + value.slice(0, -1) } };
  return { matchPattern: { case: 'exact', value: prefix + value } };
}

/** Matches a whole text (RE2). */
export function regexMatcher(regex: string): StringMatcherInit {
  return { matchPattern: { case: 'safeRegex', value: { regex } } };
}

/** Escapes what means something in RE2. */
export function quoteMeta(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');
}

/** A header of which `*` is any value, also an empty one. */
export function headerMatcher(name: string, value: string, ignoreCase = false): MessageInitShape<typeof HeaderMatcherSchema> {
  if (value === '*') return { name, headerMatchSpecifier: { case: 'presentMatch', value: true } };
  return { name, headerMatchSpecifier: { case: 'stringMatch', value: { ...stringMatcherOf(value), ignoreCase } } };
}

/** `10.1.0.0/16`, or an address alone. */
export function cidrRange(text: string): MessageInitShape<typeof CidrRangeSchema> {
  const [addressPrefix = '', length] = text.split('/');
  return { addressPrefix, prefixLen: length === undefined ? (addressPrefix.includes(':') ? 128 : 32) : Number(length) };
}

/** Any of them. */
export function anyValue(matchers: readonly ValueMatcherInit[]): ValueMatcherInit {
  const [only] = matchers;
  if (only !== undefined && matchers.length === 1) return only;
  return { matchPattern: { case: 'orMatch', value: { valueMatchers: [...matchers] } } };
}

export function stringValue(matcher: StringMatcherInit): ValueMatcherInit {
  return { matchPattern: { case: 'stringMatch', value: matcher } };
}

/** A list with an item that matches. */
export function listValue(item: ValueMatcherInit): ValueMatcherInit {
  return { matchPattern: { case: 'listMatch', value: { matchPattern: { case: 'oneOf', value: item } } } };
}

export function metadataMatcher(filter: string, keys: readonly string[], value: ValueMatcherInit): MessageInitShape<typeof MetadataMatcherSchema> {
  return { filter, path: keys.map((key) => ({ segment: { case: 'key', value: key } })), value };
}
