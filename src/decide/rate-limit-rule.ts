// Envoy's RateLimit rules of routes and virtual hosts, compiled: a request in, its descriptors (lists of key and value) out.

import type { Condition } from '#decide/condition.ts';
import type { Problems } from '#decide/config-error.ts';
import { type DynamicMetadata, metadataAt } from '#decide/dynamic-metadata.ts';
import { compileHeaderCondition } from '#decide/header-condition.ts';
import { compileQueryCondition } from '#decide/query-condition.ts';
import type { RequestView } from '#decide/views.ts';
import {
  type RateLimit,
  type RateLimit_Action,
  type RateLimit_Action_MetaData,
  RateLimit_Action_MetaData_Source,
} from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';

/** key, value, key, value … in the order of the actions. */
export type Descriptor = readonly string[];

/** What actions look at. `remoteIp`: the client as the connection manager knows it; `cluster`: where the route leads, '' for none. */
export type LimitSubject = {
  readonly request: RequestView;
  readonly remoteIp: string;
  readonly cluster: string;
  readonly metadata?: DynamicMetadata | undefined;
};

export type RateLimitRule = {
  readonly stage: number;
  /** Undefined where an action finds nothing: then the rule counts for nothing. */
  readonly describe: (subject: LimitSubject) => Descriptor | undefined;
  /** In words, for explanations. */
  readonly text: string;
};

/** Adds its entries; false: the rule is off for this request. */
type Action = { readonly text: string; readonly add: (subject: LimitSubject, into: string[]) => boolean };

export function compileRateLimitRules(rules: readonly RateLimit[], field: string, problems: Problems): readonly RateLimitRule[] {
  return rules
    .map((rule, index) => ({ rule, at: `${field}[${index}]` }))
    .filter(({ rule }) => rule.disableKey === '')
    .map(({ rule, at }) => compileRule(rule, at, problems));
}

function compileRule(rule: RateLimit, field: string, problems: Problems): RateLimitRule {
  if (rule.actions.length === 0) problems.report(`${field}.actions`, 'at least one action is required');
  const actions = rule.actions.map((action, index) => compileAction(action, `${field}.actions[${index}]`, problems));
  return {
    stage: rule.stage ?? 0,
    text: actions.map(({ text }) => text).join(' and '),
    describe: (subject) => {
      const entries: string[] = [];
      for (const { add } of actions) if (!add(subject, entries)) return undefined;
      return entries.length === 0 ? undefined : entries;
    },
  };
}

function compileAction({ actionSpecifier: action }: RateLimit_Action, field: string, problems: Problems): Action {
  switch (action.case) {
    case 'genericKey': {
      const key = action.value.descriptorKey === '' ? 'generic_key' : action.value.descriptorKey;
      const { descriptorValue } = action.value;
      return { text: `${key} ${descriptorValue}`, add: (_subject, into) => into.push(key, descriptorValue) > 0 };
    }
    case 'requestHeaders':
      return headerAction(action.value.headerName.toLowerCase(), action.value.descriptorKey, action.value.skipIfAbsent);
    case 'remoteAddress':
      return {
        text: 'client address',
        add: ({ remoteIp }, into) => remoteIp !== '' && into.push('remote_address', remoteIp) > 0,
      };
    case 'destinationCluster':
      return { text: 'cluster', add: ({ cluster }, into) => cluster !== '' && into.push('destination_cluster', cluster) > 0 };
    case 'metadata':
      return metadataAction(action.value, field, problems);
    case 'headerValueMatch': {
      const { headers, descriptorKey, descriptorValue, expectMatch } = action.value;
      const conditions = headers.map((matcher, index) => compileHeaderCondition(matcher, `${field}.header_value_match.headers[${index}]`, problems));
      return matchAction(conditions, expectMatch ?? true, descriptorKey === '' ? 'header_match' : descriptorKey, descriptorValue);
    }
    case 'queryParameterValueMatch': {
      const { queryParameters, descriptorKey, descriptorValue, expectMatch } = action.value;
      const conditions = queryParameters.map((matcher, index) =>
        compileQueryCondition(matcher, `${field}.query_parameter_value_match.query_parameters[${index}]`, problems),
      );
      return matchAction(conditions, expectMatch ?? true, descriptorKey === '' ? 'query_match' : descriptorKey, descriptorValue);
    }
    default:
      problems.report(field, `a rate limit by ${action.case ?? 'nothing'} is not supported`);
      return { text: 'nothing', add: () => false };
  }
}

/** Of what filters found out; a text that is there, else the default. Source: Envoy, MetaDataAction::populateDescriptor. */
function metadataAction(action: RateLimit_Action_MetaData, field: string, problems: Problems): Action {
  const { descriptorKey, metadataKey, defaultValue, skipIfAbsent, source } = action;
  if (source !== RateLimit_Action_MetaData_Source.DYNAMIC) problems.report(`${field}.metadata.source`, 'only DYNAMIC is supported by this proxy');
  const filter = metadataKey?.key ?? '';
  const path = (metadataKey?.path ?? []).map(({ segment }) => segment.value ?? '');
  return {
    text: `metadata ${filter} ${path.join('.')}`,
    add: ({ metadata }, into) => {
      const found = metadataAt(metadata, filter, path);
      const value = typeof found === 'string' && found !== '' ? found : defaultValue;
      if (value === '') return skipIfAbsent;
      into.push(descriptorKey, value);
      return true;
    },
  };
}

function headerAction(name: string, key: string, skipIfAbsent: boolean): Action {
  const pseudo: ((request: RequestView) => string) | undefined = pseudoHeaders[name];
  return {
    text: `header ${name}`,
    add: ({ request }, into) => {
      const value = pseudo === undefined ? request.header(name) : pseudo(request);
      if (value === undefined) return skipIfAbsent;
      into.push(key, value);
      return true;
    },
  };
}

const pseudoHeaders: Readonly<Record<string, (request: RequestView) => string>> = {
  ':authority': ({ authority }) => authority,
  host: ({ authority }) => authority,
  ':path': ({ path }) => path,
  ':method': ({ method }) => method,
  ':scheme': ({ scheme }) => scheme,
};

function matchAction(conditions: readonly Condition[], expected: boolean, key: string, value: string): Action {
  return {
    text: `${expected ? '' : 'not '}${conditions.map(({ text }) => text).join(' and ')}`,
    add: ({ request }, into) => {
      if (conditions.every(({ holds }) => holds(request)) !== expected) return false;
      into.push(key, value);
      return true;
    },
  };
}
