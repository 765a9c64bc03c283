// In: the RequestAuthentications for a proxy. Out: Envoy's jwt_authn filter: one provider for each rule; a token that is there must be good for
// one of them, and none has to be there. Source: Istio, convertToEnvoyJwtConfig.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { keysOfNobody } from '#base/json-web-keys.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { policiesFor } from '#compile/policy-index.ts';
import type { TokenKeys } from '#compile/token-keys.ts';
import { packAny } from '#envoy/any.ts';
import { create } from '#envoy/create.ts';
import {
  JwtAuthenticationSchema,
  type JwtProviderSchema,
  type JwtRequirementSchema,
} from '#envoy/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';
import {
  type HttpFilter,
  HttpFilterSchema,
} from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import type { JwtRule } from '#model/request-authentication.ts';

/** Filters behind it, and routes, find the claims by these names. */
export const jwtFilter = 'envoy.filters.http.jwt_authn';
export const payloadKey = 'payload';

type Provider = MessageInitShape<typeof JwtProviderSchema>;
type Requirement = MessageInitShape<typeof JwtRequirementSchema>;

const none: readonly HttpFilter[] = [];

/** The same list for the same policies and keys. */
export function requestAuthentication(mesh: Mesh, proxy: Proxy, keys: TokenKeys, cache: CompileCache): readonly HttpFilter[] {
  const policies = policiesFor(mesh.requestAuthentications, mesh, proxy).filter((policy) => policy.rules.length > 0);
  if (policies.length === 0) return none;
  const rules = policies.flatMap((policy) => policy.rules);
  const sets = rules.map((rule) => keySetOf(rule, keys));
  // Only at a gateway claims choose the route; behind it the route is the app's own.
  const reroutes = proxy.type === 'router';
  return cache.once('jwt filter', policies, JSON.stringify([reroutes, sets]), () => [jwtAuthentication(rules, sets, reroutes)]);
}

function keySetOf(rule: JwtRule, keys: TokenKeys): string {
  return rule.keys.kind === 'inline' ? rule.keys.jwks : (keys.find(rule) ?? keysOfNobody);
}

/** The rules of all policies by issuer; those of one issuer in the policies' order. */
function jwtAuthentication(rules: readonly JwtRule[], sets: readonly string[], reroutes: boolean): HttpFilter {
  const sorted = rules
    .map((rule, index) => ({ rule, keySet: sets[index] ?? keysOfNobody }))
    .sort((a, b) => (a.rule.issuer < b.rule.issuer ? -1 : a.rule.issuer > b.rule.issuer ? 1 : 0));
  const providers = Object.fromEntries(sorted.map(({ rule, keySet }, index) => [providerName(index), provider(rule, keySet, reroutes)]));
  const config = packAny(JwtAuthenticationSchema, {
    providers,
    rules: [
      {
        match: { pathSpecifier: { case: 'prefix', value: '/' } },
        requirementType: { case: 'requires', value: requirement(sorted.map((_, index) => providerName(index))) },
      },
    ],
    bypassCorsPreflight: true,
  });
  return create(HttpFilterSchema, { name: jwtFilter, configType: { case: 'typedConfig', value: config } });
}

function providerName(index: number): string {
  return `origins-${index}`;
}

/** Any of them; or each either has a good token or none. The second alone would refuse a token where two providers look in one place. */
function requirement(names: readonly string[]): Requirement {
  const [first] = names;
  const optional = (name: string): Requirement => anyOf([named(name), { requiresType: { case: 'allowMissing', value: {} } }]);
  if (names.length === 1 && first !== undefined) return optional(first);
  return anyOf([...names.map(named), { requiresType: { case: 'requiresAll', value: { requirements: names.map(optional) } } }]);
}

function anyOf(requirements: Requirement[]): Requirement {
  return { requiresType: { case: 'requiresAny', value: { requirements } } };
}

function named(name: string): Requirement {
  return { requiresType: { case: 'providerName', value: name } };
}

function provider(rule: JwtRule, keySet: string, clearRouteCache: boolean): Provider {
  return {
    issuer: rule.issuer,
    audiences: [...rule.audiences],
    jwksSourceSpecifier: { case: 'localJwks', value: { specifier: { case: 'inlineString', value: keySet } } },
    forward: rule.forwardsToken,
    forwardPayloadHeader: rule.payloadHeader ?? '',
    payloadInMetadata: payloadKey,
    normalizePayloadInMetadata: { spaceDelimitedClaims: [...new Set([...rule.spaceDelimitedClaims, 'permission', 'scope'])].sort() },
    fromHeaders: rule.fromHeaders.map(({ name, prefix }) => ({ name, valuePrefix: prefix })),
    fromParams: [...rule.fromParameters],
    fromCookies: [...rule.fromCookies],
    claimToHeaders: rule.claimHeaders.map(({ header, claim }) => ({ headerName: header, claimName: claim })),
    clearRouteCache,
  };
}
