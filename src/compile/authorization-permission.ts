// What is done: the operations of a rule, and those of its conditions that are about the connection, as permissions of Envoy's RBAC.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Attribute } from '#compile/authorization-attribute.ts';
import { anyValue, cidrRange, headerMatcher, listValue, metadataMatcher, stringMatcherOf, stringValue } from '#compile/authorization-matcher.ts';
import { packAny } from '#envoy/any.ts';
import type { PermissionSchema } from '#envoy/gen/envoy/config/rbac/v3/rbac_pb.js';
import { UriTemplateMatchConfigSchema } from '#envoy/gen/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js';
import type { AuthorizationCondition, AuthorizationOperation, Values } from '#model/authorization-policy.ts';

export type PermissionInit = MessageInitShape<typeof PermissionSchema>;

type Row = Attribute<PermissionInit>;

/**
 * Where the proxy listens for the ports of its workload, by their numbers as written; undefined where it is at those ports, as redirection has
 * it.
 */
export type ListenPorts = ReadonlyMap<string, number> | undefined;

/** In Istio's order. */
export function operationAttributes({ hosts, methods, paths, ports }: AuthorizationOperation, listens: ListenPorts): readonly Row[] {
  return [
    // Whatever the client writes: its case, and a port behind it, which `host*` or `host:port` is for.
    { values: hosts, isHttp: true, each: (value) => header(headerMatcher(':authority', value, true)) },
    { values: methods, isHttp: true, each: (value) => header(headerMatcher(':method', value)) },
    { values: paths, isHttp: true, each: path },
    destinationPorts(ports, listens),
  ];
}

/** Undefined where the condition is about the caller. */
export function connectionCondition(condition: AuthorizationCondition, listens: ListenPorts): Row | undefined {
  const { key } = condition;
  switch (key) {
    case 'destination.ip':
      return { values: condition, isHttp: false, each: (value) => ({ rule: { case: 'destinationIp', value: cidrRange(value) } }) };
    case 'destination.port':
      return destinationPorts(condition, listens);
    case 'connection.sni':
      return { values: condition, isHttp: false, each: (value) => ({ rule: { case: 'requestedServerName', value: stringMatcherOf(value) } }) };
    default:
      return key.startsWith(filterPrefix) ? filterMetadata(key, condition) : undefined;
  }
}

function header(value: ReturnType<typeof headerMatcher>): PermissionInit {
  return { rule: { case: 'header', value } };
}

/** Without the query. */
function path(value: string): PermissionInit {
  if (!value.includes('{*}') && !value.includes('{**}')) {
    return { rule: { case: 'urlPath', value: { rule: { case: 'path', value: stringMatcherOf(value) } } } };
  }
  const pathTemplate = value.replaceAll('{*}', '*').replaceAll('{**}', '**');
  return { rule: { case: 'uriTemplate', value: { name: 'uri-template', typedConfig: packAny(UriTemplateMatchConfigSchema, { pathTemplate }) } } };
}

/** Nobody ever connects to it. */
const noPort = 0;

/** The port of the workload. */
function destinationPorts(values: Values, listens: ListenPorts): Row {
  const listening = (value: string): number => (listens === undefined ? Number(value) : (listens.get(String(Number(value))) ?? noPort));
  return { values, isHttp: false, each: (value) => ({ rule: { case: 'destinationPort', value: listening(value) } }) };
}

const filterPrefix = 'experimental.envoy.filters.';

/** `experimental.envoy.filters.a.b[c]`: what the filter `envoy.filters.a.b` has found out under `c`; a value `[v]` is an item of a list. */
function filterMetadata(key: string, values: Values): Row {
  const bracket = key.indexOf('[');
  const filter = key.slice('experimental.'.length, bracket);
  const name = key.slice(bracket + 1, -1);
  return {
    values,
    isHttp: false,
    together: (all) => {
      const matchers = all.map((value) =>
        value.startsWith('[') && value.endsWith(']')
          ? listValue(stringValue(stringMatcherOf(value.replace(/^[[\]]+|[[\]]+$/g, ''))))
          : stringValue(stringMatcherOf(value)),
      );
      return { rule: { case: 'metadata', value: metadataMatcher(filter, [name], anyValue(matchers)) } };
    },
  };
}
