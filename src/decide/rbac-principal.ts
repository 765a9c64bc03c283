// Envoy's RBAC Principal: who asks.

import type { Problems } from '#decide/config-error.ts';
import { addressRule, headerRule, metadataRule, pathRule } from '#decide/rbac-condition.ts';
import { allRules, anyRule, anything, nothing, notRule, type RbacRule } from '#decide/rbac-subject.ts';
import { compileStringTest } from '#decide/string-test.ts';
import type { Principal } from '#envoy/gen/envoy/config/rbac/v3/rbac_pb.js';

export function compilePrincipal(principal: Principal, field: string, problems: Problems): RbacRule {
  const { identifier: id } = principal;
  const below = (ids: readonly Principal[], name: string) =>
    ids.map((each, index) => compilePrincipal(each, `${field}.${name}.ids[${index}]`, problems));
  switch (id.case) {
    case 'any':
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
      return metadataRule(id.value);
    case 'filterState':
    case undefined:
      problems.report(field, 'this kind of principal is not supported');
      return nothing;
  }
}

/** Any URI or DNS name of the client's verified certificate; without principal_name, having one at all. */
function authenticatedRule(
  { principalName }: { readonly principalName?: Parameters<typeof compileStringTest>[0] },
  field: string,
  problems: Problems,
): RbacRule {
  if (principalName === undefined) {
    return { text: 'an authenticated client', matches: ({ connection }) => connection.peerNames !== undefined && connection.peerNames.length > 0 };
  }
  const test = compileStringTest(principalName, `${field}.principal_name`, problems);
  return { text: `client whose name ${test.text}`, matches: ({ connection }) => connection.peerNames?.some((name) => test.matches(name)) === true };
}
