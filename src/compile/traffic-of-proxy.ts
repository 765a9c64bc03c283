// What a proxy's ProxyConfig says about headers and the limits of connections.
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import { mergeTraffic, type ProxyTraffic } from '#model/proxy-traffic.ts';

/** The workload's own over the mesh's, or what a proxy that nobody wrote down says itself; undefined where nothing is said. */
export function trafficOf(mesh: Mesh, { namespace, name, traffic }: Proxy): ProxyTraffic | undefined {
  const workload = mesh.workloads.get(`${namespace}/${name}`);
  return mergeTraffic(mesh.settings.proxyTraffic, workload === undefined ? traffic : workload.proxyTraffic);
}
