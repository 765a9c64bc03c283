// In: the resources of the Gateway API, and the services of the mesh. Out: the same as gateways and virtual services of the model, the
// conditions of each resource, and what is wrong. A mesh without any of them pays nothing.
import type { KindMap, ResourcesByKind } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { IdentityCache, PartsCache } from '#base/identity-cache.ts';
import type { AttachContext, Attachment } from '#model/build/gateway-api/attachment.ts';
import type { ConvertedConnections } from '#model/build/gateway-api/connection-rules.ts';
import { isOwnGateway } from '#model/build/gateway-api/gateway-class.ts';
import { addressProblems, classStatuses, gatewayStatus, setStatus } from '#model/build/gateway-api/gateway-conditions.ts';
import type { ConvertedRules } from '#model/build/gateway-api/http-rules.ts';
import { portProblems } from '#model/build/gateway-api/listener-conditions.ts';
import { isServed, type Listener, readListeners, setParent } from '#model/build/gateway-api/listeners.ts';
import { modelGateway } from '#model/build/gateway-api/model-gateways.ts';
import { connectionVirtualServices, httpVirtualServices } from '#model/build/gateway-api/model-virtual-services.ts';
import { type Problem, problemDiagnostic } from '#model/build/gateway-api/problem.ts';
import { ReferenceGrants } from '#model/build/gateway-api/reference-grants.ts';
import { References } from '#model/build/gateway-api/references.ts';
import { routeStatus } from '#model/build/gateway-api/route-conditions.ts';
import { type AttachedRoute, readConnectionRoutes, readHttpRoutes } from '#model/build/gateway-api/routes.ts';
import { unreachedRules } from '#model/build/gateway-api/unreached.ts';
import type { Credential } from '#model/credential.ts';
import type { Gateway } from '#model/gateway.ts';
import type { GatewayApiStatus } from '#model/gateway-api.ts';
import type { MeshSettings } from '#model/mesh.ts';
import type { Service } from '#model/service.ts';
import type { HttpRule, VirtualService } from '#model/virtual-service.ts';

/** A Gateway with the metadata that decides its precedence. */
export type MadeGateway = { readonly metadata: KindMap['KubernetesGateway']['metadata']; readonly gateway: Gateway };

export type GatewayApiParts = {
  readonly gateways: readonly MadeGateway[];
  readonly virtualServices: readonly VirtualService[];
  readonly statuses: readonly GatewayApiStatus[];
  readonly diagnostics: readonly Diagnostic[];
};

/** What is remembered from one build to the next. */
export class GatewayApiMemo {
  readonly listeners = new PartsCache<readonly Listener[]>();
  readonly attachments = new IdentityCache<readonly Attachment[]>();
  readonly statuses = new IdentityCache<GatewayApiStatus>();
  readonly http = new IdentityCache<ConvertedRules>();
  readonly connections = new IdentityCache<ConvertedConnections>();
  readonly virtualServices = new PartsCache<VirtualService>();
  readonly connectionServices = new PartsCache<VirtualService>();
  readonly unreached = new IdentityCache<readonly Diagnostic[]>();
  readonly portRules = new IdentityCache<readonly HttpRule[]>();
  readonly gateways = new IdentityCache<Gateway>();
  readonly references = new References();
}

const nothing: GatewayApiParts = { gateways: [], virtualServices: [], statuses: [], diagnostics: [] };

export function buildGatewayApi(
  resources: ResourcesByKind,
  services: ReadonlyMap<string, Service>,
  credentials: ReadonlyMap<string, Credential>,
  { domain }: MeshSettings,
  memo: GatewayApiMemo,
): GatewayApiParts {
  const { GatewayClass, KubernetesGateway, ListenerSet, HTTPRoute, GRPCRoute, TLSRoute, TCPRoute } = resources;
  if ([GatewayClass, KubernetesGateway, ListenerSet, HTTPRoute, GRPCRoute, TLSRoute, TCPRoute].every(({ size }) => size === 0)) return nothing;
  const grants = new ReferenceGrants(resources.ReferenceGrant.values());
  const { ReferenceGrant, Namespace } = resources;
  const references = memo.references.of(resources, credentials);
  const parts = [GatewayClass, KubernetesGateway, ListenerSet, ReferenceGrant, Namespace, references];
  const listeners = memo.listeners.get('', parts, () => readListeners(resources, references, grants));
  const context = { resources, listeners, services, domain, grants, memo };
  const http = readHttpRoutes(resources, context);
  const connections = readConnectionRoutes(resources, context);
  const said = statuses(resources, [...http, ...connections], context);
  const virtualServices = httpVirtualServices(http, listeners, memo);
  const unreached = virtualServices.flatMap((one) => memo.unreached.get([one], '', () => unreachedRules(one)));
  return {
    gateways: listeners.filter(isServed).map((listener) => ({
      metadata: { ...listener.owner.metadata, name: listener.modelName },
      gateway: memo.gateways.get([listener.owner, listener.gateway], gatewayKey(listener, domain), () => modelGateway(listener, domain)),
    })),
    virtualServices: [...virtualServices, ...connectionVirtualServices(connections, memo)],
    statuses: said.statuses,
    diagnostics: [...said.diagnostics, ...oncePerPlace(unreached)],
  };
}

/** What a listener's Gateway is made of beside the resources: what its references came to. */
function gatewayKey({ modelName, certificates, frontend }: Listener, domain: string): string {
  return `${domain} ${modelName} ${JSON.stringify([certificates, frontend?.clientCa])}`;
}

function statuses(
  resources: ResourcesByKind,
  routes: readonly AttachedRoute[],
  { listeners, services, domain, memo }: AttachContext & { readonly memo: GatewayApiMemo },
): Pick<GatewayApiParts, 'statuses' | 'diagnostics'> {
  const listenerContext = { counts: attachedCounts(routes), services, domain };
  const ofGateways = [...resources.KubernetesGateway.values()].map((gateway) => {
    if (!isOwnGateway(gateway, resources.GatewayClass)) return { diagnostics: [strangeClass(gateway)] };
    const own = listeners.filter(({ owner }) => owner === gateway);
    const problems = addressProblems(gateway, services, domain);
    return { status: gatewayStatus(gateway, own, listenerContext, problems), diagnostics: toDiagnostics(problems) };
  });
  const ofSets = [...resources.ListenerSet.values()].flatMap((set) => {
    const own = listeners.filter(({ owner }) => owner === set);
    const gateway = resources.KubernetesGateway.get(setParent(set));
    if (gateway !== undefined && !isOwnGateway(gateway, resources.GatewayClass)) return [];
    const problems = own.length > 0 ? [] : [notJoined(set, gateway !== undefined)];
    return [{ status: setStatus(set, own, listenerContext, problems), diagnostics: toDiagnostics(problems) }];
  });
  return {
    statuses: [
      ...classStatuses(resources),
      ...[...ofGateways, ...ofSets].flatMap(({ status }) => status ?? []),
      ...routes.map((one) => memo.statuses.get([one.route, one.attachments, one.converted], '', () => routeStatus(one))),
    ],
    diagnostics: [
      ...[...ofGateways, ...ofSets].flatMap(({ diagnostics }) => diagnostics),
      ...toDiagnostics(listeners.flatMap((listener) => [...listener.problems, ...portProblems(listener, listenerContext)])),
      ...toDiagnostics(routes.flatMap(routeProblems)),
    ],
  };
}

function routeProblems({ route, attachments, converted }: AttachedRoute): readonly Problem[] {
  if (attachments.length > 0) return [...attachments.flatMap(({ problems }) => problems), ...converted.problems];
  const hint = 'name a Gateway, or a Service for calls inside the mesh';
  const at = route.origins.at(['spec', 'parentRefs']);
  return [
    {
      condition: 'Accepted',
      reason: 'NoMatchingParent',
      message: 'the route has no parentRefs, so no request comes to it',
      hint,
      at,
      severity: 'warning',
    },
  ];
}

/** One for each mistake: a conflict turns two conditions bad and is one. */
function toDiagnostics(problems: readonly Problem[]): readonly Diagnostic[] {
  return problems.filter(({ condition, reason }) => condition !== 'Conflicted' || !reason.endsWith('Conflict')).map(problemDiagnostic);
}

/** A route of several hosts or listeners is told once. */
function oncePerPlace(findings: readonly Diagnostic[]): readonly Diagnostic[] {
  return [...new Map(findings.map((finding) => [JSON.stringify(finding.at), finding])).values()];
}

function attachedCounts(routes: readonly AttachedRoute[]): ReadonlyMap<Listener, number> {
  const counts = new Map<Listener, number>();
  for (const { attachments } of routes) {
    const taking = new Set(attachments.flatMap(({ listeners }) => listeners.map(({ listener }) => listener)));
    for (const listener of taking) counts.set(listener, (counts.get(listener) ?? 0) + 1);
  }
  return counts;
}

function notJoined(set: KindMap['ListenerSet'], isThere: boolean): Problem {
  const parent = setParent(set);
  const message = isThere
    ? `Gateway ${parent} does not let listeners of namespace ${set.metadata.namespace} join`
    : `parent not found: Gateway ${parent}`;
  return {
    condition: 'Accepted',
    reason: isThere ? 'NotAllowed' : 'ParentNotAccepted',
    message,
    ...(isThere && { hint: 'its allowedListeners.namespaces says whose may: none unless said' }),
    at: set.origins.at(['spec', 'parentRef', 'name']),
  };
}

function strangeClass({ metadata, spec, origins }: KindMap['KubernetesGateway']): Diagnostic {
  return {
    code: 'HDL0062',
    severity: 'warning',
    message: `Gateway ${metadata.namespace}/${metadata.name} is of class ${spec.gatewayClassName}, which Heddle does not serve`,
    hint: 'use gatewayClassName: istio, or a GatewayClass whose controllerName is istio.io/gateway-controller',
    at: origins.at(['spec', 'gatewayClassName']),
  };
}
