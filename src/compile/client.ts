// The calling side of routes: whose short names hold, which conditions on the source are met, and how much its failed requests are told.

import type { Diagnostic } from '#base/diagnostic.ts';
import { formatOrigin, type Origin } from '#base/origin.ts';
import type { DestinationRuleIndex } from '#compile/destination-rule-index.ts';
import { trafficOf } from '#compile/traffic-of-proxy.ts';
import { labelsMatch } from '#model/labels.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import type { HttpMatch, VirtualService } from '#model/virtual-service.ts';

export type Client = {
  readonly namespace: string;
  /** `default.svc.cluster.local`. */
  readonly dnsDomain: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Its app reaches services without an address by automatic ones. */
  readonly capturesDns: boolean;
  /** Equal for clients between which neither a rule's source labels nor what they are told makes a difference: they share what is compiled. */
  readonly shareKey: string;
  /** Equal for clients of a namespace between which no destination rule's workloadSelector makes a difference; part of `shareKey`. */
  readonly rulesKey: string;
  /** Backends are to be told of the host that a rule's `rewrite` replaces (ProxyConfig.proxyHeaders.xForwardedHost). */
  readonly tellsReplacedHost: boolean;
  /** Callers are to be told what is wrong. */
  readonly isTold: boolean;
  /** What is wrong with what stands at a place of a rule, in one line; undefined where nothing is, or where callers are not to be told. */
  readonly fault: (origin: Origin) => string | undefined;
};

/** What of a mesh decides about its clients. `faults`: the mesh's findings by the very object that is their place. */
export type ClientFacts = {
  readonly sourceLabelNames: readonly string[];
  readonly faults: ReadonlyMap<Origin, Diagnostic>;
  readonly destinationRules: DestinationRuleIndex;
};

/** The pod's labels count; the node's own only where the pod is not known. */
export function clientOf(mesh: Mesh, proxy: Proxy, { sourceLabelNames, faults, destinationRules }: ClientFacts): Client {
  const { namespace, dnsDomain, explainFailures, capturesDns = false } = proxy;
  const labels = mesh.workloads.get(`${namespace}/${proxy.name}`)?.labels ?? proxy.labels;
  const facts = sourceLabelNames.map((name) => `${name}=${labels[name] ?? ''}`);
  const rulesKey = destinationRules.selectorKey({ namespace, labels });
  const tellsReplacedHost = trafficOf(mesh, proxy)?.headers?.forwardedHost === true;
  return {
    namespace,
    dnsDomain,
    labels,
    capturesDns,
    shareKey: [
      ...facts,
      ...(capturesDns ? ['captures DNS'] : []),
      ...(rulesKey === '' ? [] : [rulesKey]),
      ...(tellsReplacedHost ? ['forwarded host'] : []),
      ...(explainFailures ? ['explained'] : []),
    ].join(','),
    rulesKey,
    tellsReplacedHost,
    isTold: explainFailures,
    fault: (origin) => {
      const finding = explainFailures ? faults.get(origin) : undefined;
      return finding === undefined ? undefined : faultLine(finding, origin);
    },
  };
}

function faultLine({ message, hint }: Diagnostic, origin: Origin): string {
  return `${formatOrigin(origin)}: ${message}${hint === undefined ? '' : `; ${hint}`}`;
}

/** The labels that any match of any rule looks at on the source, sorted; mostly none. */
export function sourceLabelNames(virtualServices: readonly VirtualService[]): readonly string[] {
  const names = new Set<string>();
  for (const { http, tls, tcp } of virtualServices) {
    for (const { matches } of [...http, ...tls, ...tcp]) for (const { sourceLabels } of matches) for (const name in sourceLabels) names.add(name);
  }
  return [...names].sort();
}

/** Source: Istio, sourceMatchHTTP: gateways, where given, decide alone. */
export function isFromSource({ gateways, sourceLabels, sourceNamespace }: HttpMatch, gateway: string, client: Client): boolean {
  if (gateways !== undefined) return gateways.includes(gateway);
  if (sourceLabels !== undefined && !labelsMatch(sourceLabels, client.labels)) return false;
  return sourceNamespace === undefined || sourceNamespace === client.namespace;
}
