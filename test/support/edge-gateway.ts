// A gateway on this machine whose port 443 is a free one here. In: YAML of the namespace `edge`, for a workload with the label `app: edge`. Out: what its
// proxy is told, and where it listens.
import type { Diagnostic } from '#base/diagnostic.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import type { XdsResource } from '#envoy/resource.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import { listenPorts } from '#test/support/listen-ports.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';

const nodeId = 'router~127.0.0.1~edge-0.edge~edge.svc.cluster.local';

export type EdgeGateway = {
  readonly port: number;
  readonly nodeId: string;
  readonly resources: readonly XdsResource[];
  readonly diagnostics: readonly Diagnostic[];
};

export async function edgeGateway(...documents: readonly string[]): Promise<EdgeGateway> {
  const [port = 0] = await listenPorts(1);
  const proxy: Proxy = {
    type: 'router',
    name: 'edge-0',
    namespace: 'edge',
    nodeId,
    addresses: ['127.0.0.1'],
    labels: { app: 'edge' },
    dnsDomain: 'edge.svc.cluster.local',
    interception: { kind: 'none', address: '127.0.0.1', inbound: { 443: { listen: port } }, outbound: {} },
    explainFailures: false,
  };
  const { resources, diagnostics } = new MeshCompiler(buildMesh(snapshotOf(resourcesOf(...documents)))).compile(proxy);
  return { port, nodeId, resources: [...resources.values()].flatMap((ofType) => [...ofType.values()]), diagnostics };
}
