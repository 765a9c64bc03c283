// Who calls: the sources of a rule, and those of its conditions that are about the caller, as principals of Envoy's RBAC.
//
// Differs from newer Istio: identities are asked for as `authenticated.principal_name` (the certificate's URI), as Istio's sidecars do, and not
// as the filter state `io.istio.peer_principal`, which only the filters of Istio's own Envoy write.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Attribute } from '#compile/authorization-attribute.ts';
import {
  anyValue,
  cidrRange,
  headerMatcher,
  listValue,
  metadataMatcher,
  quoteMeta,
  regexMatcher,
  type StringMatcherInit,
  stringMatcherOf,
  stringValue,
  type ValueMatcherInit,
} from '#compile/authorization-matcher.ts';
import { domainsWithAliases, principalsWithAliases } from '#compile/trust-domain.ts';
import type { PrincipalSchema } from '#envoy/gen/envoy/config/rbac/v3/rbac_pb.js';
import type { AuthorizationCondition, AuthorizationSource, Values } from '#model/authorization-policy.ts';

export type PrincipalInit = MessageInitShape<typeof PrincipalSchema>;

/** What the meaning of a source depends on beside itself: the policy's namespace, and the names of the mesh's trust domain. */
export type PrincipalContext = { readonly namespace: string; readonly trustDomains: readonly string[] };

type Row = Attribute<PrincipalInit>;

/** In Istio's order. */
export function sourceAttributes(source: AuthorizationSource, context: PrincipalContext): readonly Row[] {
  return [
    principals(source.principals, context),
    requestPrincipals(source.requestPrincipals),
    serviceAccounts(source.serviceAccounts, context),
    domains(source.trustDomains, context),
    namespaces(source.namespaces),
    remoteIps(source.remoteIpBlocks),
    sourceIps(source.ipBlocks),
  ];
}

/** Undefined where the condition is about the operation. */
export function callerCondition(condition: AuthorizationCondition, context: PrincipalContext): Row | undefined {
  const { key } = condition;
  switch (key) {
    case 'source.ip':
      return sourceIps(condition);
    case 'remote.ip':
      return remoteIps(condition);
    case 'source.namespace':
      return namespaces(condition);
    case 'source.serviceAccount':
      return serviceAccounts(condition, context);
    case 'source.trustDomain':
      return domains(condition, context);
    case 'source.principal':
      return principals(condition, context);
    case 'request.auth.principal':
      return requestPrincipals(condition);
    case 'request.auth.audiences':
      return claim(['aud'], condition);
    case 'request.auth.presenter':
      return claim(['azp'], condition);
    default:
      if (key.startsWith('request.headers[')) return header(key.slice('request.headers['.length, -1), condition);
      return key.startsWith('request.auth.claims[') ? claim(claimPath(key), condition) : undefined;
  }
}

function sourceIps(values: Values): Row {
  return { values, isHttp: false, each: (value) => ({ identifier: { case: 'directRemoteIp', value: cidrRange(value) } }) };
}

/** The client behind trusted proxies (X-Forwarded-For, PROXY protocol). */
function remoteIps(values: Values): Row {
  return { values, isHttp: false, each: (value) => ({ identifier: { case: 'remoteIp', value: cidrRange(value) } }) };
}

function principals({ values, not }: Values, { trustDomains }: PrincipalContext): Row {
  const all = { values: principalsWithAliases(values, trustDomains), not: principalsWithAliases(not, trustDomains) };
  return { values: all, isHttp: false, each: (value) => authenticated(stringMatcherOf(value, 'spiffe://')) };
}

/** `*` stands for any part of the name, also in its middle. */
function namespaces(values: Values): Row {
  const pattern = (value: string): string => value.split('*').map(quoteMeta).join('.*');
  return { values, isHttp: false, each: (value) => authenticated(regexMatcher(`.*/ns/${pattern(value)}/.*`)) };
}

/** `name` is an account of the policy's own namespace; else `namespace/name`. */
function serviceAccounts(values: Values, { namespace: own }: PrincipalContext): Row {
  return {
    values,
    isHttp: false,
    each: (value) => {
      const slash = value.indexOf('/');
      const [namespace, name] = slash < 0 ? [own, value] : [value.slice(0, slash), value.slice(slash + 1)];
      return authenticated(regexMatcher(`spiffe://.+/ns/${quoteMeta(namespace)}/(.+/|)sa/${quoteMeta(name)}(/.+)?`));
    },
  };
}

function domains({ values, not }: Values, { trustDomains }: PrincipalContext): Row {
  const all = { values: domainsWithAliases(values, trustDomains), not: domainsWithAliases(not, trustDomains) };
  return { values: all, isHttp: false, each: (value) => authenticated(domainMatcher(value)) };
}

function domainMatcher(value: string): StringMatcherInit {
  if (value === '*') return { matchPattern: { case: 'prefix', value: 'spiffe://' } };
  const star = value.indexOf('*');
  if (star < 0) return { matchPattern: { case: 'prefix', value: `spiffe://${value}/` } };
  return regexMatcher(`spiffe://${quoteMeta(value.slice(0, star))}[^/]*${quoteMeta(value.slice(star + 1))}/.*`);
}

function authenticated(principalName: StringMatcherInit): PrincipalInit {
  return { identifier: { case: 'authenticated', value: { principalName } } };
}

function header(name: string, values: Values): Row {
  return { values, isHttp: true, each: (value) => ({ identifier: { case: 'header', value: headerMatcher(name, value) } }) };
}

/** Where the filter `jwt_authn` leaves the claims of the request's token. Source: Istio, EnvoyJwtFilterPayload. */
const jwtFilter = 'envoy.filters.http.jwt_authn';
const jwtPayload = 'payload';

function claimPrincipal(path: readonly string[], value: ValueMatcherInit): PrincipalInit {
  return { identifier: { case: 'metadata', value: metadataMatcher(jwtFilter, [jwtPayload, ...path], value) } };
}

/** A claim that is one of the values, or a list with one of them. */
function claim(path: readonly string[], values: Values): Row {
  return {
    values,
    isHttp: true,
    together: (all) => {
      const value = anyValue(all.map((one) => stringValue(stringMatcherOf(one))));
      return claimPrincipal(path, anyValue([listValue(value), value]));
    },
  };
}

/** `request.auth.claims[a][b]` → `['a', 'b']`. */
function claimPath(key: string): readonly string[] {
  return key.slice('request.auth.claims['.length, -1).split('][');
}

/** `ISSUER/SUBJECT`, the last slash being the one between them, as an issuer may be a URL. */
function requestPrincipals(values: Values): Row {
  const one = (value: string): PrincipalInit => {
    const { issuer, subject } = issuerAndSubject(value);
    const ids = [claimPrincipal(['iss'], stringValue(issuer)), claimPrincipal(['sub'], stringValue(subject))];
    return { identifier: { case: 'andIds', value: { ids } } };
  };
  return {
    values,
    isHttp: true,
    together: (all) => {
      const ids = all.map(one);
      return ids.length === 1 && ids[0] !== undefined ? ids[0] : { identifier: { case: 'orIds', value: { ids } } };
    },
  };
}

/** Source: Istio, requestPrincipalGenerator: a wildcard at the start is the issuer's, one at the end the subject's. */
function issuerAndSubject(value: string): { readonly issuer: StringMatcherInit; readonly subject: StringMatcherInit } {
  const any = regexMatcher('.+');
  if (value === '*') return { issuer: any, subject: any };
  const slash = value.lastIndexOf('/');
  const [issuer, subject] = slash < 0 ? [value, ''] : [value.slice(0, slash), value.slice(slash + 1)];
  const exactly = (text: string): StringMatcherInit => ({ matchPattern: { case: 'exact', value: text } });
  if (value.startsWith('*')) {
    const ending = (text: string): StringMatcherInit => ({ matchPattern: { case: 'suffix', value: text.slice(1) } });
    return slash < 0 ? { issuer: any, subject: ending(value) } : { issuer: issuer === '*' ? any : ending(issuer), subject: exactly(subject) };
  }
  if (value.endsWith('*')) {
    const beginning = (text: string): StringMatcherInit => ({ matchPattern: { case: 'prefix', value: text.slice(0, -1) } });
    return slash < 0 ? { issuer: beginning(value), subject: any } : { issuer: exactly(issuer), subject: subject === '*' ? any : beginning(subject) };
  }
  return { issuer: exactly(issuer), subject: exactly(subject) };
}
