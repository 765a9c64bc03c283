// What the Gateway API wants to be told about its resources: conditions as values, each with the place that causes it. A cluster has them in
// `status`; here they are part of the mesh.
import type { Origin } from '#base/origin.ts';

/** One condition. `at` is what made it so, where it is not as it should be. Source: metav1.Condition, and the reasons of the Gateway API. */
export type Condition = {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
  /** The generation of the resource that was looked at; undefined where it has none, as in most files. */
  readonly observedGeneration?: number;
  readonly at?: Origin;
};

export type ListenerStatus = {
  readonly name: string;
  readonly supportedKinds: readonly string[];
  readonly attachedRoutes: number;
  readonly conditions: readonly Condition[];
};

/** What one parent says to a route, or one target to a policy. `parent` as `Gateway default/web`, with `/section` and `:port` where the route names them. */
export type ParentStatus = { readonly parent: string; readonly conditions: readonly Condition[]; readonly origin: Origin };

export type GatewayApiStatus = {
  /** As the user writes it. */
  readonly kind: 'GatewayClass' | 'Gateway' | 'ListenerSet' | 'HTTPRoute' | 'GRPCRoute' | 'TLSRoute' | 'TCPRoute' | 'BackendTLSPolicy';
  readonly namespace: string;
  readonly name: string;
  readonly origin: Origin;
  /** Of the resource itself: classes, gateways and listener sets. */
  readonly conditions: readonly Condition[];
  readonly listeners?: readonly ListenerStatus[];
  readonly parents?: readonly ParentStatus[];
};

/** Whether a condition says that something is wrong: most are good when true, these two when false. */
export function isTrouble({ type, status }: Condition): boolean {
  return (status === 'True') === (type === 'Conflicted' || type === 'PartiallyInvalid');
}
