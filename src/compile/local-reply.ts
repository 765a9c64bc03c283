// What a failed request is told: Envoy's own text, then why, on which route and cluster, and whose configuration that is.
import { create } from '@bufbuild/protobuf';
import {
  type LocalReplyConfig,
  LocalReplyConfigSchema,
} from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';

/** The route's metadata: the path of the VirtualService, and what is wrong with it (see metadata.ts). `-` is: none. */
const bodyFormat = [
  '%LOCAL_REPLY_BODY%',
  'status %RESPONSE_CODE% %RESPONSE_FLAGS%, %RESPONSE_CODE_DETAILS%',
  'host %REQ(:AUTHORITY)%, path %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  'route %ROUTE_NAME%, cluster %UPSTREAM_CLUSTER_RAW%',
  'configuration %METADATA(ROUTE:istio:config)%',
  'fault %METADATA(ROUTE:heddle:fault)%',
  '',
].join('\n');

/** Compiled only where the node asks for it (HEDDLE_EXPLAIN_FAILURES): it tells callers how the mesh is configured. */
export function explainingLocalReply(): LocalReplyConfig {
  return create(LocalReplyConfigSchema, {
    bodyFormat: { format: { case: 'textFormatSource', value: { specifier: { case: 'inlineString', value: bodyFormat } } } },
  });
}
