// What telemetry calls the workload of a proxy, from the metadata of its node.
import type { JsonObject } from '@bufbuild/protobuf';
import { isObject } from '#base/object.ts';
import { peerText } from '#model/peer-text.ts';

/** `workload;namespace;canonical name;revision;cluster`; undefined where the node says too little of itself. */
export function nodePeer(metadata: JsonObject | undefined): string | undefined {
  const text = (key: string): string => {
    const value = metadata?.[key];
    return typeof value === 'string' ? value : '';
  };
  const name = text('WORKLOAD_NAME') || text('NAME');
  const namespace = text('NAMESPACE');
  if (name === '' || namespace === '') return undefined;
  const written = metadata?.['LABELS'];
  const labels = Object.fromEntries(
    Object.entries(isObject(written) ? written : {}).flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : [])),
  );
  return peerText({ name, namespace, cluster: text('CLUSTER_ID') || 'Kubernetes', labels });
}
