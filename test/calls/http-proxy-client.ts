// In: YAML. Out: what the sidecar of a pod `shop/client`, which is added to it, is told, with nothing but its HTTP proxy open on `httpProxy`.

import { MeshCompiler } from '#compile/mesh-compiler.ts';
import type { XdsResource } from '#envoy/resource.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';

const pod = `---
apiVersion: v1
kind: Pod
metadata: { name: client, namespace: shop, labels: { app: client } }
spec: { containers: [{ name: app, image: app }] }
`;

export function httpProxyClient(text: string, httpProxy: number): { readonly nodeId: string; readonly resources: readonly XdsResource[] } {
  const mesh = buildMesh(snapshotOf(resourcesOf(`${text}${pod}`)));
  const workload = mesh.workloads.get('shop/client');
  if (workload === undefined) throw new Error('the YAML could not be read as far as its client');
  const proxy = proxyForWorkload(mesh, workload, { kind: 'none', address: '127.0.0.1', inbound: {}, outbound: {}, httpProxy });
  const { resources } = new MeshCompiler(mesh).compile(proxy);
  return { nodeId: proxy.nodeId, resources: [...resources.values()].flatMap((ofType) => [...ofType.values()]) };
}
