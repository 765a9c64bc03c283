// Envoy's RBAC Principal: who asks.
import type { Problems } from '#decide/config-error.ts';
import { addressRule, headerRule, pathRule } from '#decide/rbac-condition.ts';
import { noKeys, patternsOf, type RuleKeys, type TextRespect, textKeys } from '#decide/rbac-keys.ts';
import { metadataRule, sourcedMetadataRule } from '#decide/rbac-metadata.ts';
import { allRules, anyRule, anything, nothing, notRule, type RbacRule } from '#decide/rbac-rule.ts';
import type { RbacSubject } from '#decide/rbac-subject.ts';
import { compileStringTest } from '#decide/string-test.ts';
import type { Principal_Authenticated as Authenticated, Principal } from '#envoy/gen/envoy/config/rbac/v3/rbac_pb.js';
import type { FilterStateMatcher } from '#envoy/gen/envoy/type/matcher/v3/filter_state_pb.js';
import type { StringMatcher } from '#envoy/gen/envoy/type/matcher/v3/string_pb.js';

export function compilePrincipal(principal: Principal, field: string, problems: Problems): RbacRule {
  const { identifier: id } = principal;
  const below = (ids: readonly Principal[], name: string): RbacRule[] => {
    if (ids.length === 0) problems.report(`${field}.${name}.ids`, 'at least one is required');
    return ids.map((each, index) => compilePrincipal(each, `${field}.${name}.ids[${index}]`, problems));
  };
  switch (id.case) {
    case 'any':
      if (!id.value) problems.report(`${field}.any`, 'must be true');
      return anything;
    case 'andIds':
      return allRules(below(id.value.ids, 'and_ids'));
    case 'orIds':
      return anyRule(below(id.value.ids, 'or_ids'));
    case 'notId':
      return notRule(compilePrincipal(id.value, `${field}.not_id`, problems));
    case 'authenticated':
      return authenticatedRule(id.value, `${field}.authenticated`, problems);
    case 'sourceIp':
    case 'directRemoteIp': {
      const name = id.case === 'sourceIp' ? 'source_ip' : 'direct_remote_ip';
      return addressRule('connection from', id.value, (subject) => subject.directRemoteIp, `${field}.${name}`, problems);
    }
    case 'remoteIp':
      return addressRule('client', id.value, (subject) => subject.remoteIp, `${field}.remote_ip`, problems);
    case 'header':
      return headerRule(id.value, `${field}.header`, problems);
    case 'urlPath':
      return pathRule(id.value, `${field}.url_path`, problems);
    case 'metadata':
      return metadataRule(id.value, `${field}.metadata`, problems);
    case 'sourcedMetadata':
      return sourcedMetadataRule(id.value, `${field}.sourced_metadata`, problems);
    case 'filterState':
      return filterStateRule(id.value, `${field}.filter_state`, problems);
    case 'custom':
      problems.report(`${field}.custom`, `principal ${id.value.name} is not supported`);
      return nothing;
    case undefined:
      problems.report(field, 'this kind of principal is not supported');
      return nothing;
  }
}

const principalsRespect: TextRespect = { kind: 'text', id: 'principal', read: ({ principals }) => principals };

/**
 * A URI name, DNS name or the subject of the client's certificate. Without principal_name any client over TLS, whether it showed a certificate or
 * not: that is for the listener's TLS settings to ask (Envoy: Principal.Authenticated).
 */
function authenticatedRule({ principalName }: Authenticated, field: string, problems: Problems): RbacRule {
  if (principalName === undefined) {
    const text = 'a client over TLS';
    return {
      text,
      matches: ({ principals }) => principals !== undefined,
      missed: () => `${text}: the connection is not encrypted`,
      keys: noKeys,
    };
  }
  const test = compileStringTest(principalName, `${field}.principal_name`, problems);
  const text = `client whose name ${test.text}`;
  const found = patternsOf(principalName);
  return {
    text,
    matches: ({ principals }) => principals?.some((name) => test.matches(name)) === true,
    missed: (subject) => `${text}: ${nameOf(subject)}`,
    keys: found === undefined ? namespaceKeys(principalName) : textKeys(principalsRespect, found.fold ? undefined : found.patterns),
  };
}

/** The namespaces in the client's SPIFFE names: what follows a segment `ns` and is followed by another segment. */
const namespaceRespect: TextRespect = {
  kind: 'text',
  id: 'principal namespace',
  read: ({ principals }) => principals?.flatMap(namespacesIn),
};

function namespacesIn(name: string): readonly string[] {
  const segments = name.split('/');
  return segments.filter((_, index) => index > 1 && index < segments.length - 1 && segments[index - 1] === 'ns');
}

/** The two forms in which Istio asks for namespaces and service accounts: expressions around a namespace that is spelt out. */
const namespaceForms: readonly RegExp[] = [
  /^\.\*\/ns\/((?:\\[^A-Za-z0-9]|[\w-])+)\/\.\*$/,
  /^spiffe:\/\/\.\+\/ns\/((?:\\[^A-Za-z0-9]|[\w-])+)\/\(\.\+\/\|\)sa\/[^|]+\(\/\.\+\)\?$/,
];

function namespaceKeys({ matchPattern: pattern }: StringMatcher): RuleKeys {
  if (pattern.case !== 'safeRegex') return noKeys;
  const found = namespaceForms.map((form) => form.exec(pattern.value.regex)?.[1]).find((name) => name !== undefined);
  return textKeys(namespaceRespect, found === undefined ? undefined : [{ kind: 'exact', text: found.replaceAll('\\', '') }]);
}

function nameOf({ principals }: RbacSubject): string {
  if (principals === undefined) return 'the connection is not encrypted';
  const [name = ''] = principals;
  return name === '' ? 'it showed no certificate' : `it is ${name}`;
}

/** No filter of this proxy keeps state for others under such a key, as none of a plain Envoy does: there is nothing to match. */
function filterStateRule({ key, matcher }: FilterStateMatcher, field: string, problems: Problems): RbacRule {
  const test = compileStringTest(matcher.case === 'stringMatch' ? matcher.value : undefined, `${field}.string_match`, problems);
  const text = `filter state ${key} ${test.text}`;
  return { text, matches: () => false, missed: () => `${text}: there is none`, keys: noKeys };
}
