// The calling side of routes: whose short names hold, and which conditions on the source are met.
import { labelsMatch } from '#model/labels.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import type { HttpMatch, VirtualService } from '#model/virtual-service.ts';

export type Client = {
  readonly namespace: string;
  /** `default.svc.cluster.local`. */
  readonly dnsDomain: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Equal for clients between which no rule of the mesh tells a difference by labels: they share what is compiled. */
  readonly labelKey: string;
};

/** `sourceLabelNames`: see below. The pod's labels count; the node's own only where the pod is not known. */
export function clientOf(mesh: Mesh, proxy: Proxy, sourceLabelNames: readonly string[]): Client {
  const labels = mesh.workloads.get(`${proxy.namespace}/${proxy.name}`)?.labels ?? proxy.labels;
  const labelKey = sourceLabelNames.map((name) => `${name}=${labels[name] ?? ''}`).join(',');
  return { namespace: proxy.namespace, dnsDomain: proxy.dnsDomain, labels, labelKey };
}

/** The labels that any match of any rule looks at on the source, sorted; mostly none. */
export function sourceLabelNames(virtualServices: readonly VirtualService[]): readonly string[] {
  const names = new Set<string>();
  for (const { http } of virtualServices) {
    for (const { matches } of http) for (const { sourceLabels } of matches) for (const name in sourceLabels) names.add(name);
  }
  return [...names].sort();
}

/** Source: Istio, sourceMatchHTTP: gateways, where given, decide alone. */
export function isFromSource({ gateways, sourceLabels, sourceNamespace }: HttpMatch, gateway: string, client: Client): boolean {
  if (gateways !== undefined) return gateways.includes(gateway);
  if (sourceLabels !== undefined && !labelsMatch(sourceLabels, client.labels)) return false;
  return sourceNamespace === undefined || sourceNamespace === client.namespace;
}
