// Envoy's RBAC Permission: what may be done.

import type { Problems } from '#decide/config-error.ts';
import { unpackExtension } from '#decide/extension.ts';
import { addressRule, headerRule, pathBeginKeys, pathRule, pathTestRule } from '#decide/rbac-condition.ts';
import { patternsOf, type TextRespect, textKeys } from '#decide/rbac-keys.ts';
import { metadataRule, sourcedMetadataRule } from '#decide/rbac-metadata.ts';
import { allRules, anyRule, anything, nothing, notRule, type RbacRule } from '#decide/rbac-rule.ts';
import { compileStringTest } from '#decide/string-test.ts';
import { compileUriTemplate } from '#decide/uri-template.ts';
import type { TypedExtensionConfig } from '#envoy/gen/envoy/config/core/v3/extension_pb.js';
import type { Permission } from '#envoy/gen/envoy/config/rbac/v3/rbac_pb.js';
import type { StringMatcher } from '#envoy/gen/envoy/type/matcher/v3/string_pb.js';

export function compilePermission(permission: Permission, field: string, problems: Problems): RbacRule {
  const { rule } = permission;
  const below = (rules: readonly Permission[], name: string): RbacRule[] => {
    if (rules.length === 0) problems.report(`${field}.${name}.rules`, 'at least one rule is required');
    return rules.map((each, index) => compilePermission(each, `${field}.${name}.rules[${index}]`, problems));
  };
  switch (rule.case) {
    case 'any':
      if (!rule.value) problems.report(`${field}.any`, 'must be true');
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
    case 'uriTemplate':
      return templateRule(rule.value, `${field}.uri_template`, problems);
    case 'destinationIp':
      return addressRule('destination', rule.value, (subject) => subject.destinationIp, `${field}.destination_ip`, problems);
    case 'destinationPort':
      return portRule(rule.value, rule.value + 1);
    case 'destinationPortRange': {
      const { start, end } = rule.value;
      if (start < 0 || end > 65_536 || start >= end) problems.report(`${field}.destination_port_range`, `${start} to ${end} is no range of ports`);
      return portRule(start, end);
    }
    case 'metadata':
      return metadataRule(rule.value, `${field}.metadata`, problems);
    case 'sourcedMetadata':
      return sourcedMetadataRule(rule.value, `${field}.sourced_metadata`, problems);
    case 'requestedServerName':
      return serverNameRule(rule.value, `${field}.requested_server_name`, problems);
    case 'matcher':
      return unsupported(`${field}.matcher`, `matcher ${rule.value.name} is not supported`, problems);
    case undefined:
      return unsupported(field, 'this kind of permission is not supported', problems);
  }
}

function unsupported(field: string, message: string, problems: Problems): RbacRule {
  problems.report(field, message);
  return nothing;
}

const portRespect: TextRespect = { kind: 'text', id: 'port', read: ({ connection }) => String(connection.destinationPort) };

/** Half open, as Int32Range. Few ports are keys of their own. */
function portRule(start: number, end: number): RbacRule {
  const text = end === start + 1 ? `port ${start}` : `port from ${start} to below ${end}`;
  const few = end - start <= 16 ? Array.from({ length: Math.max(0, end - start) }, (_, index) => String(start + index)) : undefined;
  return {
    text,
    matches: ({ connection: { destinationPort } }) => destinationPort >= start && destinationPort < end,
    missed: ({ connection: { destinationPort } }) => `${text}: it is ${destinationPort}`,
    keys: textKeys(
      portRespect,
      few?.map((port) => ({ kind: 'exact', text: port })),
    ),
  };
}

const serverNameRespect: TextRespect = { kind: 'text', id: 'server name', read: ({ connection }) => connection.serverName ?? '' };

function serverNameRule(matcher: StringMatcher, field: string, problems: Problems): RbacRule {
  const test = compileStringTest(matcher, field, problems);
  const text = `server name ${test.text}`;
  const found = patternsOf(matcher);
  return {
    text,
    matches: ({ connection }) => test.matches(connection.serverName ?? ''),
    missed: ({ connection }) => `${text}: ${connection.serverName === undefined ? 'there is none' : `it is ${connection.serverName}`}`,
    keys: textKeys(serverNameRespect, found === undefined || found.fold ? undefined : found.patterns),
  };
}

function templateRule(extension: TypedExtensionConfig, field: string, problems: Problems): RbacRule {
  const config = extension.typedConfig === undefined ? undefined : unpackExtension(extension.typedConfig);
  if (config === undefined || config.$typeName !== 'envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig')
    return unsupported(field, `path matcher ${extension.name} is not supported`, problems);
  const template = compileUriTemplate(config.pathTemplate);
  if (!template.ok) return unsupported(`${field}.typed_config.path_template`, template.error, problems);
  const { matches, begin } = template.value;
  return pathTestRule(`path like ${config.pathTemplate}`, matches, pathBeginKeys(begin));
}
