// What a request's hash is made of (RouteAction.hash_policy), and the hash itself: the same for the same request on every proxy, Envoy included.
import type { Duration } from '@bufbuild/protobuf/wkt';
import type { Problems } from '#decide/config-error.ts';
import { bytesOf, xxHash64 } from '#decide/hash64.ts';
import type { Regex } from '#decide/regex.ts';
import { compileSubstitution } from '#decide/substitution.ts';
import type { Word64 } from '#decide/word64.ts';
import type { RouteAction_HashPolicy as HashPolicy } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import type { HashPolicy as ConnectionHashPolicy } from '#envoy/gen/envoy/type/v3/hash_policy_pb.js';

export type HashPolicyEntry = {
  /** Policies behind this one do not count when there is a hash by now. */
  readonly terminal: boolean;
} & (
  | { readonly kind: 'header'; readonly name: string; readonly rewrite?: { readonly pattern: Regex; readonly substitution: string } }
  | { readonly kind: 'cookie'; readonly name: string; readonly generated?: GeneratedCookie }
  | { readonly kind: 'source-ip' }
  | { readonly kind: 'query-parameter'; readonly name: string }
);

/** A client without the cookie gets one, so that its next requests go the same way. Lifetime in whole seconds, 0: until the browser ends. */
export type GeneratedCookie = {
  readonly maxAgeSeconds: number;
  readonly path: string;
  readonly attributes: readonly { readonly name: string; readonly value: string }[];
};

/** What of a request can be hashed. */
export type HashSubject = {
  /** With query. */
  readonly path: string;
  /** Every field of this name, pseudo headers by their names with colon; the values as they came. */
  readonly headerValues: (name: string) => readonly string[];
  /** The client as x-forwarded-for and trusted hops say (Envoy's downstream remote address). */
  readonly remoteIp: string;
  /** `address:port` of both ends of the connection itself. */
  readonly remoteAddress: string;
  readonly localAddress: string;
};

/** Undefined where nothing could be hashed: any endpoint will do. `setCookies` are values for `set-cookie` on the response. */
export type RequestHash = { readonly hash: Word64 | undefined; readonly setCookies: readonly string[] };

export function compileHashPolicies(policies: readonly HashPolicy[], field: string, problems: Problems): readonly HashPolicyEntry[] {
  return policies.flatMap((policy, index) => compileHashPolicy(policy, `${field}[${index}]`, problems));
}

function compileHashPolicy({ policySpecifier: specifier, terminal }: HashPolicy, at: string, problems: Problems): readonly HashPolicyEntry[] {
  switch (specifier.case) {
    case 'header': {
      const { headerName, regexRewrite } = specifier.value;
      const rewrite = regexRewrite === undefined ? {} : { rewrite: compileSubstitution(regexRewrite, `${at}.header.regex_rewrite`, problems) };
      return [{ kind: 'header', name: headerName.toLowerCase(), terminal, ...rewrite }];
    }
    case 'cookie': {
      const { name, path, ttl, attributes } = specifier.value;
      const generated = ttl === undefined ? {} : { generated: generatedCookie(ttl, path, attributes) };
      return [{ kind: 'cookie', name, terminal, ...generated }];
    }
    case 'connectionProperties':
      return specifier.value.sourceIp ? [{ kind: 'source-ip', terminal }] : [];
    case 'queryParameter':
      return [{ kind: 'query-parameter', name: specifier.value.name, terminal }];
    default:
      problems.report(at, `${specifier.case === undefined ? 'an empty policy' : specifier.case} is not supported`);
      return [];
  }
}

function generatedCookie(ttl: Duration, path: string, attributes: GeneratedCookie['attributes']): GeneratedCookie {
  return { maxAgeSeconds: Number(ttl.seconds), path, attributes: attributes.map(({ name, value }) => ({ name, value })) };
}

/** Hashes of several policies are joined so that two equal ones do not cancel each other out (hash_policy.cc). */
export function hashRequest(policies: readonly HashPolicyEntry[], subject: HashSubject): RequestHash {
  let hash: Word64 | undefined;
  const setCookies: string[] = [];
  for (const policy of policies) {
    const next = hashBy(policy, subject, setCookies);
    if (next !== undefined) {
      if (hash !== undefined) {
        hash.rotateLeft(1);
        next.xor(hash.high, hash.low);
      }
      hash = next;
    }
    if (policy.terminal && hash !== undefined) break;
  }
  return { hash, setCookies };
}

function hashBy(policy: HashPolicyEntry, subject: HashSubject, setCookies: string[]): Word64 | undefined {
  switch (policy.kind) {
    case 'header':
      return hashHeader(subject.headerValues(policy.name), policy.rewrite);
    case 'cookie':
      return hashCookie(policy.name, policy.generated, subject, setCookies);
    case 'source-ip':
      return subject.remoteIp === '' ? undefined : xxHash64(subject.remoteIp);
    case 'query-parameter': {
      const value = queryParameter(subject.path, policy.name);
      return value === undefined ? undefined : xxHash64(value);
    }
  }
}

/** In sorted order, so that the order of fields does not matter; each value's hash is the seed of the next. */
function hashHeader(values: readonly string[], rewrite: { readonly pattern: Regex; readonly substitution: string } | undefined): Word64 | undefined {
  if (values.length === 0) return undefined;
  const rewritten = rewrite === undefined ? values : values.map((value) => rewrite.pattern.replaceAll(value, rewrite.substitution));
  let hash: Word64 | undefined;
  for (const value of [...rewritten].sort()) hash = xxHash64(value, hash);
  return hash;
}

function hashCookie(name: string, generated: GeneratedCookie | undefined, subject: HashSubject, setCookies: string[]): Word64 | undefined {
  const found = cookieValue(subject.headerValues('cookie'), name);
  if (found !== '') return xxHash64(found);
  if (generated === undefined) return undefined;
  // The same for all requests of a connection: those that come before the answer go the same way.
  const value = xxHash64(subject.remoteAddress + subject.localAddress).toHex();
  setCookies.push(formatCookie(name, value, generated));
  return xxHash64(value);
}

/** The value of the first cookie of this name, without quotes around it; '' where there is none. */
export function cookieValue(fields: readonly string[], name: string): string {
  for (const pair of fields.join(';').split(';')) {
    const equals = pair.indexOf('=');
    if (equals === -1 || pair.slice(0, equals).replace(/^ +/, '') !== name) continue;
    const value = pair.slice(equals + 1);
    return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
  }
  return '';
}

function formatCookie(name: string, value: string, { maxAgeSeconds, path, attributes }: GeneratedCookie): string {
  const age = maxAgeSeconds === 0 ? '' : `; Max-Age=${maxAgeSeconds}`;
  const where = path === '' ? '' : `; Path=${path}`;
  const more = attributes.map((attribute) => (attribute.value === '' ? `; ${attribute.name}` : `; ${attribute.name}=${attribute.value}`));
  return `${name}="${value}"${age}${where}${more.join('')}; HttpOnly`;
}

/** The first parameter of this name, as it stands in the path; '' for one without a value. */
function queryParameter(path: string, name: string): string | undefined {
  const start = path.indexOf('?');
  if (start === -1) return undefined;
  for (const parameter of path.slice(start + 1).split('&')) {
    const equals = parameter.indexOf('=');
    if ((equals === -1 ? parameter : parameter.slice(0, equals)) === name) return equals === -1 ? '' : parameter.slice(equals + 1);
  }
  return undefined;
}

/** Of a TCP connection: TcpProxy.hash_policy knows the source's address alone. */
export function compileConnectionHash(policies: readonly ConnectionHashPolicy[], field: string, problems: Problems): 'source-ip' | undefined {
  const [first] = policies;
  if (first === undefined) return undefined;
  if (first.policySpecifier.case === 'sourceIp') return 'source-ip';
  problems.report(`${field}[0]`, 'only source_ip is supported');
  return undefined;
}

export function hashAddress(ip: string): Word64 {
  return xxHash64(bytesOf(ip));
}
