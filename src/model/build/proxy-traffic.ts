// What a Pod says by annotation about headers and the limits of connections of its proxy.
import { annotatedProxyConfig } from '#api/istio/written-proxy-config.ts';
import type { ProxyTraffic } from '#model/proxy-traffic.ts';
import { readProxyTraffic, type TrafficProblem } from '#model/written-proxy-traffic.ts';

/** A Pod's own, from its annotation; undefined where it has none, or one that is no YAML, which is said elsewhere. */
export function annotatedTraffic(annotations: Readonly<Record<string, string>>, problems: TrafficProblem[] = []): ProxyTraffic | undefined {
  const config = annotatedProxyConfig(annotations);
  return config.ok ? readProxyTraffic(config.value, problems) : undefined;
}
