// In: the AuthorizationPolicies in force for a workload. Out: the filters that enforce them, on HTTP and on bytes. CUSTOM stands on its own, as it
// is asked first; then AUDIT, DENY, ALLOW, a filter each. What is only tried (dry-run) stands in the same filters as shadow rules.
// Source: Istio, pilot/pkg/security/authz/builder.
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';
import { badCustomSuffix, customPrefix, shadowPrefixes } from '#compile/authorization-names.ts';
import type { ListenPorts } from '#compile/authorization-permission.ts';
import { concatenate, encodedField, encodedRules, type RulesContext } from '#compile/authorization-rules.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { httpExternalAuthorizer, httpRbacFilter, networkExternalAuthorizer, networkRbacFilter } from '#compile/external-authorizer.ts';
import { trustDomains } from '#compile/trust-domain.ts';
import type { WorkloadFilters } from '#compile/workload-filters.ts';
import { encodePart } from '#envoy/any.ts';
import { create } from '#envoy/create.ts';
import { type Filter, FilterSchema } from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';
import { RBACSchema as HttpRbacSchema } from '#envoy/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import {
  type HttpFilter,
  HttpFilterSchema,
} from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { RBACSchema as NetworkRbacSchema } from '#envoy/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import type { AuthorizationPolicy } from '#model/authorization-policy.ts';
import { authorizerService } from '#model/authorizer-service.ts';
import type { ExternalAuthorizer } from '#model/extension-provider.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Service } from '#model/service.ts';

export type AuthorizationFilters = Pick<WorkloadFilters, 'externalAuthorization' | 'authorization' | 'network'>;

/** What the filters are made with beside the policies. `authorizers`: those of the CUSTOM policies whose service is there. */
export type AuthorizationContext = {
  readonly settings: Mesh['settings'];
  readonly authorizers: ReadonlyMap<string, Authorizer>;
  readonly cache: CompileCache;
  readonly listens?: ListenPorts;
};

export type Authorizer = { readonly provider: ExternalAuthorizer; readonly service: Service };

/** `policies` in order of precedence, of every action. */
export function authorizationFilters(policies: readonly AuthorizationPolicy[], context: AuthorizationContext): AuthorizationFilters {
  const custom = policies.filter(({ action }) => action.kind === 'custom');
  const own = (layer: Layer): readonly Any[] => actions.flatMap(({ kind, action }) => actionRules(ofKind(policies, kind), action, layer, context));
  return {
    externalAuthorization: customHttpFilters(custom, context),
    authorization: own('http').map(httpRbac),
    network: [...customNetworkFilters(custom, context), ...own('network').map(networkRbac)],
  };
}

type Layer = RulesContext['layer'];

/** In the order in which they act: what is denied was still logged, and what is allowed was not denied. */
const actions = [
  { kind: 'audit', action: 'LOG' },
  { kind: 'deny', action: 'DENY' },
  { kind: 'allow', action: 'ALLOW' },
] as const;

function ofKind(policies: readonly AuthorizationPolicy[], kind: AuthorizationPolicy['action']['kind']): readonly AuthorizationPolicy[] {
  return policies.filter(({ action }) => action.kind === kind);
}

/** One filter's configuration for all policies of an action; none where there is no policy. */
function actionRules(policies: readonly AuthorizationPolicy[], action: RulesContext['action'], layer: Layer, context: AuthorizationContext): Any[] {
  if (policies.length === 0) return [];
  const enforced = policies.filter(({ dryRun }) => !dryRun);
  const tried = policies.filter(({ dryRun }) => dryRun);
  const rules = (some: readonly AuthorizationPolicy[]): Uint8Array => encodedRules(some, rulesContext(layer, action, context), context.cache);
  return [
    rbacConfig(layer, {
      ...(enforced.length > 0 && { rules: rules(enforced) }),
      ...(tried.length > 0 && { shadow: rules(tried) }),
      // As Istio has it, where nothing is tried, too.
      shadowPrefix: tried.length > 0 && action !== 'ALLOW' ? shadowPrefixes.deny : shadowPrefixes.allow,
    }),
  ];
}

function rulesContext(layer: Layer, action: RulesContext['action'], { settings, listens }: AuthorizationContext): RulesContext {
  return { layer, action, trustDomains: trustDomains(settings), listens };
}

type RbacParts = { readonly rules?: Uint8Array; readonly shadow?: Uint8Array; readonly shadowPrefix?: string };

/** Encoded `RBAC` of the HTTP or the network filter: `rules` is field 1 and `shadow_rules` field 2 of both. */
function rbacConfig(layer: Layer, { rules, shadow, shadowPrefix = '' }: RbacParts): Any {
  const texts = { shadowRulesStatPrefix: shadowPrefix };
  const schema = layer === 'http' ? HttpRbacSchema : NetworkRbacSchema;
  const rest = layer === 'http' ? encodePart(HttpRbacSchema, texts) : encodePart(NetworkRbacSchema, { ...texts, statPrefix: 'tcp.' });
  const parts = [...(rules === undefined ? [] : [encodedField(1, rules)]), ...(shadow === undefined ? [] : [encodedField(2, shadow)]), rest];
  return encodedAny(schema, concatenate(parts));
}

function encodedAny(schema: DescMessage, value: Uint8Array): Any {
  const fields: MessageInitShape<typeof AnySchema> = { typeUrl: `type.googleapis.com/${schema.typeName}`, value };
  return create(AnySchema, fields);
}

function httpRbac(value: Any): HttpFilter {
  return create(HttpFilterSchema, { name: httpRbacFilter, configType: { case: 'typedConfig', value } });
}

function networkRbac(value: Any): Filter {
  return create(FilterSchema, { name: networkRbacFilter, configType: { case: 'typedConfig', value } });
}

/** CUSTOM policies by provider, in the order of the providers' names. */
function byProvider(policies: readonly AuthorizationPolicy[]): readonly (readonly [string, readonly AuthorizationPolicy[]])[] {
  const grouped = Map.groupBy(policies, ({ action }) => (action.kind === 'custom' ? action.provider : ''));
  return [...grouped].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Rules that pick what is asked about, and the filter that asks. Where nobody can be asked, what the rules pick is denied. */
function customHttpFilters(policies: readonly AuthorizationPolicy[], context: AuthorizationContext): readonly HttpFilter[] {
  const groups = byProvider(policies);
  return groups.flatMap(([name, own]) => {
    const authorizer = groups.length > 1 ? undefined : context.authorizers.get(name);
    if (authorizer === undefined) return [httpRbac(rbacConfig('http', { rules: denied(own, 'http', context) }))];
    const { provider, service } = authorizer;
    return [httpRbac(picking(own, 'http', context)), httpExternalAuthorizer(provider, service, customPrefix(name))];
  });
}

function customNetworkFilters(policies: readonly AuthorizationPolicy[], context: AuthorizationContext): readonly Filter[] {
  const groups = byProvider(policies);
  return groups.flatMap(([name, own]) => {
    const authorizer = groups.length > 1 ? undefined : context.authorizers.get(name);
    if (authorizer === undefined) return [networkRbac(rbacConfig('network', { rules: denied(own, 'network', context) }))];
    const asking = networkExternalAuthorizer(authorizer.provider, authorizer.service, customPrefix(name));
    return asking === undefined ? [] : [networkRbac(picking(own, 'network', context)), asking];
  });
}

function picking(policies: readonly AuthorizationPolicy[], layer: Layer, context: AuthorizationContext): Any {
  const rules = encodedRules(policies, rulesContext(layer, 'DENY', context), context.cache);
  return rbacConfig(layer, { shadow: rules, shadowPrefix: shadowPrefixes.custom });
}

function denied(policies: readonly AuthorizationPolicy[], layer: Layer, context: AuthorizationContext): Uint8Array {
  return encodedRules(policies, { ...rulesContext(layer, 'DENY', context), suffix: badCustomSuffix }, context.cache);
}

/** The authorisers that policies name and that can be asked. */
export function authorizersOf(policies: readonly AuthorizationPolicy[], mesh: Mesh): ReadonlyMap<string, Authorizer> {
  const found = new Map<string, Authorizer>();
  for (const { action } of policies) {
    if (action.kind !== 'custom' || found.has(action.provider)) continue;
    const provider = mesh.settings.externalAuthorizers.get(action.provider);
    const service = provider === undefined ? undefined : authorizerService(mesh, provider);
    if (provider !== undefined && service !== undefined) found.set(action.provider, { provider, service });
  }
  return found;
}
