// Envoy's RBAC Permission: what may be done.

import type { Problems } from '#decide/config-error.ts';
import { addressRule, headerRule, metadataRule, pathRule } from '#decide/rbac-condition.ts';
import { allRules, anyRule, anything, nothing, notRule, type RbacRule } from '#decide/rbac-subject.ts';
import { compileStringTest } from '#decide/string-test.ts';
import type { Permission } from '#envoy/gen/envoy/config/rbac/v3/rbac_pb.js';

export function compilePermission(permission: Permission, field: string, problems: Problems): RbacRule {
  const { rule } = permission;
  const below = (rules: readonly Permission[], name: string) =>
    rules.map((each, index) => compilePermission(each, `${field}.${name}.rules[${index}]`, problems));
  switch (rule.case) {
    case 'any':
      return anything;
    case 'andRules':
      return allRules(below(rule.value.rules, 'and_rules'));
    case 'orRules':
      return anyRule(below(rule.value.rules, 'or_rules'));
    case 'notRule':
      return notRule(compilePermission(rule.value, `${field}.not_rule`, problems));
    case 'header':
      return headerRule(rule.value, `${field}.header`, problems);
    case 'urlPath':
      return pathRule(rule.value, `${field}.url_path`, problems);
    case 'destinationIp':
      return addressRule('destination', rule.value, (subject) => subject.destinationIp, `${field}.destination_ip`, problems);
    case 'destinationPort': {
      const port = rule.value;
      return { text: `port ${port}`, matches: ({ connection }) => connection.destinationPort === port };
    }
    case 'destinationPortRange': {
      const { start, end } = rule.value;
      return {
        text: `port from ${start} to below ${end}`,
        matches: ({ connection: { destinationPort } }) => destinationPort >= start && destinationPort < end,
      };
    }
    case 'metadata':
      return metadataRule(rule.value);
    case 'requestedServerName': {
      const test = compileStringTest(rule.value, `${field}.requested_server_name`, problems);
      return { text: `server name ${test.text}`, matches: ({ connection }) => test.matches(connection.serverName ?? '') };
    }
    case 'matcher':
    case 'uriTemplate':
    case undefined:
      problems.report(field, 'this kind of permission is not supported');
      return nothing;
  }
}
