// Envoy's jwt_authn filter, compiled. Keys are imported here, once.

import { type JsonWebKey, readKeys } from '#base/json-web-keys.ts';
import type { Problems } from '#decide/config-error.ts';
import { dataSourceOf } from '#decide/data-source.ts';
import { plainAudience } from '#decide/jwt-audience.ts';
import type { JwtEntry, JwtProviderEntry, JwtRequirementEntry } from '#decide/jwt-entry.ts';
import { joinLocations, locationsOf } from '#decide/jwt-location.ts';
import { compileRouteMatch } from '#decide/route-match.ts';
import { VerifiedTokens } from '#decide/verified-tokens.ts';
import { create } from '#envoy/create.ts';
import { RouteMatchSchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import type { JwtAuthentication, JwtProvider, JwtRequirement } from '#envoy/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';

const defaultSkewSeconds = 60;

/** Tokens of one provider that are known to be good: at 2 kB each some 1 MB at most. */
const verifiedTokens = 512;

export function compileJwt(config: JwtAuthentication, field: string, problems: Problems): JwtEntry {
  const providers = new Map(
    Object.entries(config.providers)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, provider]) => [name, compileProvider(name, provider, `${field}.providers["${name}"]`, problems)]),
  );
  const context = { providers, named: config.requirementMap, problems };
  return {
    ownHeaders: [...new Set([...providers.values()].flatMap(({ ownHeaders }) => ownHeaders))],
    rules: config.rules.map(({ match, requirementType: type }, index) => {
      const at = `${field}.rules[${index}]`;
      if (match === undefined) problems.report(`${at}.match`, 'a match is required');
      const requires = type.case === 'requirementName' ? namedRequirement(type.value, at, context) : compileRequirement(type.value, at, context);
      return {
        match: compileRouteMatch(match ?? create(RouteMatchSchema, { pathSpecifier: { case: 'prefix', value: '' } }), `${at}.match`, problems),
        requires,
      };
    }),
    passesPreflights: config.bypassCorsPreflight,
    staysSilent: config.stripFailureResponse,
  };
}

type Context = {
  readonly providers: ReadonlyMap<string, JwtProviderEntry>;
  readonly named: JwtAuthentication['requirementMap'];
  readonly problems: Problems;
};

function namedRequirement(name: string, field: string, context: Context): JwtRequirementEntry {
  const requirement = context.named[name];
  if (requirement === undefined) {
    context.problems.report(`${field}.requirement_name`, `there is no requirement ${name}`);
    return { kind: 'any', of: [], allows: 'nothing' };
  }
  return compileRequirement(requirement, field, context);
}

function compileRequirement(requirement: JwtRequirement | undefined, field: string, context: Context): JwtRequirementEntry {
  const type = requirement?.requiresType;
  switch (type?.case) {
    case 'providerName':
      return providerRequirement(type.value, [], `${field}.provider_name`, context);
    case 'providerAndAudiences':
      return providerRequirement(type.value.providerName, type.value.audiences, `${field}.provider_and_audiences.provider_name`, context);
    case 'requiresAny':
      return anyOf(type.value.requirements, `${field}.requires_any`, context);
    case 'requiresAll': {
      const at = `${field}.requires_all.requirements`;
      return { kind: 'all', of: type.value.requirements.map((one, index) => compileRequirement(one, `${at}[${index}]`, context)) };
    }
    case 'allowMissing':
      return optional(context, false);
    case 'allowMissingOrFailed':
      return optional(context, true);
    default:
      return { kind: 'nothing' };
  }
}

/** What is allowed is no member of its own, unless it stands alone. Source: Envoy, AnyVerifierImpl. */
function anyOf(requirements: readonly JwtRequirement[], field: string, context: Context): JwtRequirementEntry {
  const isAllowance = ({ requiresType: { case: kind } }: JwtRequirement): boolean => kind === 'allowMissing' || kind === 'allowMissingOrFailed';
  const of = requirements.filter((one) => !isAllowance(one)).map((one, index) => compileRequirement(one, `${field}.requirements[${index}]`, context));
  const allowsFailed = requirements.some(({ requiresType }) => requiresType.case === 'allowMissingOrFailed');
  const allows = allowsFailed ? 'missing or failed' : requirements.some(isAllowance) ? 'missing' : 'nothing';
  if (of.length === 0 && allows !== 'nothing') return optional(context, allowsFailed);
  return { kind: 'any', of, allows };
}

function optional({ providers }: Context, allowsFailed: boolean): JwtRequirementEntry {
  const of = [...providers.values()];
  return { kind: 'optional', of, locations: joinLocations(of.flatMap(({ locations }) => locations)), allowsFailed };
}

function providerRequirement(name: string, audiences: readonly string[], field: string, { providers, problems }: Context): JwtRequirementEntry {
  const provider = providers.get(name);
  if (provider === undefined) {
    problems.report(field, `there is no provider ${name}`);
    return { kind: 'any', of: [], allows: 'nothing' };
  }
  return { kind: 'provider', provider, audiences: audiences.length === 0 ? provider.audiences : plainAudiences(audiences) };
}

function compileProvider(name: string, provider: JwtProvider, field: string, problems: Problems): JwtProviderEntry {
  const claimHeaders = provider.claimToHeaders.map(({ headerName, claimName }) => ({
    header: headerName.toLowerCase(),
    claim: claimName.split('.'),
  }));
  const payloadHeader = provider.forwardPayloadHeader.toLowerCase();
  return {
    name,
    issuer: provider.issuer,
    audiences: plainAudiences(provider.audiences),
    keys: keysOf(provider, field, problems),
    locations: locationsOf(provider),
    forwards: provider.forward,
    payloadHeader,
    padsPayload: provider.padForwardPayloadHeader,
    claimHeaders,
    ownHeaders: [...(payloadHeader === '' ? [] : [payloadHeader]), ...claimHeaders.map(({ header }) => header)],
    payloadKey: provider.payloadInMetadata,
    headerKey: provider.headerInMetadata,
    spaceDelimited: provider.normalizePayloadInMetadata?.spaceDelimitedClaims ?? [],
    clockSkewSeconds: provider.clockSkewSeconds === 0 ? defaultSkewSeconds : provider.clockSkewSeconds,
    reroutes: provider.clearRouteCache && (claimHeaders.length > 0 || provider.payloadInMetadata !== ''),
    verified: new VerifiedTokens(verifiedTokens),
  };
}

function keysOf({ jwksSourceSpecifier: source }: JwtProvider, field: string, problems: Problems): readonly JsonWebKey[] {
  const data = source.case === 'localJwks' ? dataSourceOf(source.value) : undefined;
  const keys = data?.kind === 'inline' ? readKeys(new TextDecoder().decode(data.bytes)) : undefined;
  if (data?.kind !== 'inline') problems.report(field, 'this proxy fetches no keys: they must stand inline in local_jwks');
  else if (keys === undefined) problems.report(`${field}.local_jwks`, 'no key set with a key that can be used');
  return keys ?? [];
}

function plainAudiences(audiences: readonly string[]): ReadonlySet<string> {
  return new Set(audiences.map(plainAudience));
}
