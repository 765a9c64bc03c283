// The seam between compiling and serving: what the xDS server asks of whoever knows the mesh, and tells it. The server knows no more.
import type { Result } from '#base/result.ts';
import type { Node } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import type { ResourceSet } from '#envoy/resource.ts';

export type NodeSource = {
  /** All that this node shall have now. Unchanged parts are the same objects as before. The error says why the node is refused. */
  readonly resourcesFor: (node: Node) => Result<ResourceSet, string>;
  /** Calls `listener` when any node's resources may have changed; the returned function ends that. */
  readonly onChange: (listener: () => void) => () => void;
  /** The node says of itself whether it is well (istio.v1.HealthInformation). */
  readonly health?: (node: Node, health: NodeHealth) => void;
};

export type NodeHealth = { readonly well: true } | { readonly well: false; readonly reason: string };
