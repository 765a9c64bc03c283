// In: Ingresses. Out: the Gateways and VirtualServices that they come to, as Istio's ingress controller makes them, with the places of the
// Ingress' own lines; and what of them has no effect.
import type { KindMap, ResourcesByKind } from '#api/kinds.ts';
import type { ObjectMeta } from '#api/resource.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { BuildMemo } from '#model/build/build-memo.ts';
import { whyNotServed } from '#model/build/ingress-class.ts';
import { type IngressHost, ingressGatewayName, ingressHosts, ingressVirtualService } from '#model/build/ingress-routes.ts';
import { createdMs } from '#model/build/precedence.ts';
import type { Gateway, GatewayServer } from '#model/gateway.ts';
import { defaultIngressSettings, ingressNamespace } from '#model/ingress-settings.ts';
import type { MeshSettings } from '#model/mesh.ts';
import type { VirtualService } from '#model/virtual-service.ts';

type Ingress = KindMap['Ingress'];

export type IngressParts = {
  /** With what their place among the other Gateways is found by: as Istio's, they have no age. */
  readonly gateways: readonly { readonly metadata: ObjectMeta; readonly gateway: Gateway }[];
  readonly virtualServices: readonly VirtualService[];
  readonly diagnostics: readonly Diagnostic[];
};

const nothing: IngressParts = { gateways: [], virtualServices: [], diagnostics: [] };

/** Parts made of unchanged Ingresses are the same objects as before. */
export function buildIngresses(resources: ResourcesByKind, settings: MeshSettings, memo: BuildMemo): IngressParts {
  if (resources.Ingress.size === 0) return nothing;
  const rules = settings.ingress ?? defaultIngressSettings;
  const diagnostics: Diagnostic[] = [];
  const served = [...resources.Ingress.values()].filter((ingress) => {
    const finding = whyNotServed(ingress, resources.IngressClass, rules);
    if (finding !== undefined) diagnostics.push(finding);
    return finding === undefined;
  });
  const ordered = served.sort(byAge);
  const hosts = ingressHosts(ordered, resources, diagnostics);
  return {
    gateways: ordered.map((ingress) => {
      const gateway = memo.ingressGateways.get([ingress, settings], '', () => ingressGateway(ingress, settings));
      return { metadata: { name: gateway.name, namespace: gateway.namespace, labels: {}, annotations: {} }, gateway };
    }),
    virtualServices: hosts.map((host) =>
      memo.ingressVirtualServices.get(host.host, partsOf(host, settings), () => ingressVirtualService(host, settings)),
    ),
    diagnostics: [...diagnostics, ...ordered.flatMap(partsWithoutEffect)],
  };
}

/** What a virtual service is made of: Ingresses, and the numbers of the ports that they name. */
function partsOf({ paths }: IngressHost, settings: MeshSettings): readonly unknown[] {
  return [settings, ...paths.flatMap(({ ingress, ruleIndex, pathIndex, port }) => [ingress, ruleIndex, pathIndex, port])];
}

/** Older first, then by name and namespace. Source: Istio, sortRulesByCreationTimestamp. */
function byAge({ metadata: a }: Ingress, { metadata: b }: Ingress): number {
  return createdMs(a) - createdMs(b) || compareText(a.name, b.name) || compareText(a.namespace, b.namespace);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The Gateway of an Ingress stands in the root namespace: port 80 for all hosts, and 443 for each of its certificates. */
function ingressGateway({ metadata, spec, origins }: Ingress, settings: MeshSettings): Gateway {
  const { name, namespace } = metadata;
  const tls = (spec?.tls ?? []).flatMap(({ hosts = [], secretName = '' }, index): GatewayServer[] => {
    if (secretName === '') return [];
    const origin = origins.at(['spec', 'tls', index]);
    return [
      {
        port: { number: 443, name: `https-443-ingress-${name}-${namespace}-${index}`, protocol: 'https' },
        hosts: (hosts.length === 0 ? ['*'] : hosts).map((host) => ({ namespace: '*', host: host.toLowerCase() })),
        tls: { mode: 'simple', httpsRedirect: false, certificates: [{ kind: 'secret', name: secretName }], parameters: noParameters, origin },
        origin,
      },
    ];
  });
  const plain: GatewayServer = {
    port: { number: 80, name: `http-80-ingress-${name}-${namespace}`, protocol: 'http' },
    hosts: [{ namespace: '*', host: '*' }],
    origin: origins.at(['spec']),
  };
  const { gatewayLabel } = settings.ingress ?? defaultIngressSettings;
  return {
    name: ingressGatewayName(metadata),
    namespace: ingressNamespace,
    selector: { istio: gatewayLabel },
    servers: [...tls, plain],
    origin: origins.start,
  };
}

const noParameters = {
  cipherSuites: [],
  ecdhCurves: [],
  subjectAltNames: [],
  certificateSpki: [],
  certificateHash: [],
  skipsClientVerification: false,
};

/** What Istio reads over in silence. */
function partsWithoutEffect({ metadata, spec, origins }: Ingress): readonly Diagnostic[] {
  const name = `Ingress ${metadata.namespace}/${metadata.name}`;
  const finding = (path: readonly (string | number)[], message: string, hint: string): Diagnostic => ({
    code: 'HDL0034',
    severity: 'warning',
    message: `${name}: ${message}`,
    hint,
    at: origins.at(['spec', ...path]),
  });
  return [
    ...(spec?.defaultBackend === undefined
      ? []
      : [finding(['defaultBackend'], 'defaultBackend has no effect, as in Istio', 'write a rule without host with the path / of type Prefix')]),
    ...(spec?.rules ?? []).flatMap(({ http }, index) =>
      http === undefined ? [finding(['rules', index], 'a rule without paths has no effect', 'add http.paths')] : [],
    ),
    ...(spec?.tls ?? []).flatMap(({ secretName = '' }, index) =>
      secretName === '' ? [finding(['tls', index], 'tls without secretName has no effect', 'name the Secret with the certificate')] : [],
    ),
  ];
}
