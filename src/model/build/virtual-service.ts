// Virtual services with hosts, gateways and destinations resolved in their namespace; what they delegate is still left out.
import type { KindMap } from '#api/kinds.ts';
import type { Origin } from '#base/origin.ts';
import { visibilityOf } from '#model/build/export-to.ts';
import { resolveGateway, resolveHost } from '#model/build/host-resolution.ts';
import { httpRule } from '#model/build/http-rule.ts';
import { createdMs } from '#model/build/precedence.ts';
import { tcpRules, tlsRules } from '#model/build/virtual-service-l4.ts';
import type { MeshSettings } from '#model/mesh.ts';
import type { HttpRule, VirtualService } from '#model/virtual-service.ts';

/** A rule whose requests another VirtualService decides about. */
export type Delegation = { readonly namespace: string; readonly name: string; readonly origin: Origin };

/** As one resource says it. Without hosts it is a delegate, and acts only through rules that name it. */
export type WrittenVirtualService = Omit<VirtualService, 'http'> & {
  readonly http: readonly (HttpRule & { readonly delegate?: Delegation })[];
};

/** How other programs say what a VirtualService was made of (Istio, InternalRouteSemantics). */
const semanticsAnnotation = 'internal.istio.io/route-semantics';

function routeSemantics(annotation: string | undefined): Pick<VirtualService, 'semantics'> {
  if (annotation === 'gateway') return { semantics: 'gateway-api' };
  return annotation === 'ingress' ? { semantics: 'ingress' } : {};
}

export function buildVirtualService({ metadata, spec, origins }: KindMap['VirtualService'], settings: MeshSettings): WrittenVirtualService {
  const { name, namespace } = metadata;
  const context = { namespace, settings, origins };
  const gateways = spec.gateways ?? [];
  return {
    name,
    namespace,
    hosts: (spec.hosts ?? []).map((host, index) => resolveHost(host, namespace, settings.domain, origins.at(['spec', 'hosts', index]))),
    gateways: gateways.length === 0 ? ['mesh'] : gateways.map((gateway) => resolveGateway(gateway, namespace)),
    http: (spec.http ?? []).map((route, index) => {
      const path = ['spec', 'http', index];
      const rule = httpRule(route, path, context);
      const { delegate } = route;
      if (delegate === undefined) return rule;
      const { name: delegateName = '', namespace: delegateNamespace = '' } = delegate;
      const origin = origins.at([...path, 'delegate']);
      return { ...rule, delegate: { name: delegateName, namespace: delegateNamespace === '' ? namespace : delegateNamespace, origin } };
    }),
    tls: tlsRules(spec.tls, context),
    tcp: tcpRules(spec.tcp, context),
    ...routeSemantics(metadata.annotations[semanticsAnnotation]),
    visibility: visibilityOf(spec.exportTo, namespace, settings.defaultExportTo?.virtualService),
    ...(metadata.creationTimestamp !== undefined && { createdMs: createdMs(metadata) }),
    origin: origins.start,
  };
}
