// What RBAC looks at: the connection, and the request where there is one.
import { type IpAddress, parseIp } from '#base/cidr.ts';
import type { DynamicMetadata } from '#decide/dynamic-metadata.ts';
import type { ConnectionView, RequestView } from '#decide/views.ts';

export type RbacSubject = {
  readonly connection: ConnectionView;
  /** Undefined for a raw connection: rules about headers and paths then do not match. */
  readonly request: RequestView | undefined;
  /** What filters before this one found out. */
  readonly metadata?: DynamicMetadata | undefined;
  readonly destinationIp: IpAddress | undefined;
  /** The socket's peer, and the client behind trusted proxies. */
  readonly directRemoteIp: IpAddress | undefined;
  readonly remoteIp: IpAddress | undefined;
};

export type RbacRule = { readonly text: string; readonly matches: (subject: RbacSubject) => boolean };

/** Addresses are parsed here, once per connection; a subject without request can be kept and spread for each request. */
export function rbacSubject(connection: ConnectionView, request?: RequestView, metadata?: DynamicMetadata): RbacSubject {
  const direct = parseIp(connection.sourceAddress);
  return {
    connection,
    request,
    metadata,
    destinationIp: parseIp(connection.destinationAddress),
    directRemoteIp: direct,
    remoteIp: connection.remoteAddress === undefined ? direct : parseIp(connection.remoteAddress),
  };
}

export function notRule(rule: RbacRule): RbacRule {
  return { text: `not (${rule.text})`, matches: (subject) => !rule.matches(subject) };
}

export function allRules(rules: readonly RbacRule[]): RbacRule {
  return { text: joined(rules, ' and '), matches: (subject) => rules.every((rule) => rule.matches(subject)) };
}

export function anyRule(rules: readonly RbacRule[]): RbacRule {
  return { text: joined(rules, ' or '), matches: (subject) => rules.some((rule) => rule.matches(subject)) };
}

function joined(rules: readonly RbacRule[], word: string): string {
  const text = rules.map((rule) => rule.text).join(word);
  return rules.length > 1 ? `(${text})` : text;
}

export const anything: RbacRule = { text: 'anything', matches: () => true };
export const nothing: RbacRule = { text: 'nothing', matches: () => false };
