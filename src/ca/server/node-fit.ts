// Whether a proxy is who its caller is: the node id and metadata of xDS must be of the caller's namespace, service account and, where its token
// names one, pod or WorkloadGroup. As Istio's PILOT_ENABLE_XDS_IDENTITY_CHECK. What the node leaves unsaid is said of it, so that nobody downstream takes
// silence for somebody else's account; what only its group may say of it is not taken from it.

import { create } from '@bufbuild/protobuf';
import { failed, ok, type Result } from '#base/result.ts';
import { formatIdentity } from '#ca/identity.ts';
import type { Caller } from '#ca/server/caller.ts';
import { type Node, NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';

/** The node with the service account that its caller has proved, or why it is refused. */
export function admitNode(caller: Caller, node: Node): Result<Node, string> {
  const misfit = nodeMisfit(caller, node);
  if (misfit !== undefined) return failed(misfit);
  const account = { SERVICE_ACCOUNT: caller.identity.serviceAccount };
  // By its labels a member of a group could become an endpoint of any Service.
  const said = caller.workloadGroup === undefined ? account : { ...account, LABELS: {}, HEDDLE_MEMBER: 'true' };
  return ok(create(NodeSchema, { ...node, metadata: { ...node.metadata, ...said } }));
}

/** Why the node is refused, or undefined. */
export function nodeMisfit({ identity, pod, workloadGroup }: Caller, { id, metadata }: Pick<Node, 'id' | 'metadata'>): string | undefined {
  const workload = id.split('~')[2] ?? '';
  const dot = workload.lastIndexOf('.');
  const who = formatIdentity(identity);
  const named = [metadata?.['NAMESPACE'], workload.slice(dot + 1)].filter((namespace) => namespace !== undefined && namespace !== '');
  const namespace = named.find((value) => value !== identity.namespace);
  if (dot < 0 || named.length === 0) return `the node id names no namespace, and the caller is ${who}`;
  if (namespace !== undefined) return `the node is of namespace ${String(namespace).slice(0, 100)}, and the caller is ${who}`;
  const account = metadata?.['SERVICE_ACCOUNT'];
  if (account !== undefined && account !== '' && account !== identity.serviceAccount) {
    return `the node is of service account ${String(account).slice(0, 100)}, and the caller is ${who}`;
  }
  if (pod !== undefined && workload.slice(0, dot) !== pod) return `the token is for pod ${pod}, and the node is ${workload.slice(0, 200)}`;
  return workloadGroup === undefined ? undefined : groupMisfit(workloadGroup, id, metadata);
}

function groupMisfit(workloadGroup: string, id: string, metadata: Node['metadata']): string | undefined {
  const who = `the caller is a member of WorkloadGroup ${workloadGroup}`;
  if (!id.startsWith('sidecar~')) return `the node is no sidecar, and ${who}`;
  const group = metadata?.['AUTO_REGISTER_GROUP'];
  if (group === workloadGroup) return undefined;
  return `the node is of ${group === undefined ? 'no WorkloadGroup' : `WorkloadGroup ${String(group).slice(0, 100)}`}, and ${who}`;
}
