// What a failed request is told: Envoy's own text, then why, on which route and cluster, and whose configuration that is.
import { create } from '#envoy/create.ts';
import { ComparisonFilter_Op } from '#envoy/gen/envoy/config/accesslog/v3/accesslog_pb.js';
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

/** Of a denial the details name the policy and the rule: callers are not told, the proxy's log is. */
const denied = 403;
const denialFormat = '%LOCAL_REPLY_BODY%\nstatus %RESPONSE_CODE%, host %REQ(:AUTHORITY)%, path %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%\n';

/** Other statuses by which filters refuse a request without setting a flag. */
const refusals: readonly number[] = [413, 429, 431];

/**
 * Compiled only where the node asks for it (HEDDLE_EXPLAIN_FAILURES): it tells callers how the mesh is configured. What a rule answers on
 * purpose (a redirect, a direct response) has no flag and stays as it is.
 */
export function explainingLocalReply(): LocalReplyConfig {
  const flagged = { filterSpecifier: { case: 'responseFlagFilter', value: {} } } as const;
  return create(LocalReplyConfigSchema, {
    mappers: [
      // An external authoriser's answer is its own: the caller gets it as it is.
      { filter: { filterSpecifier: { case: 'responseFlagFilter', value: { flags: ['UAEX'] } } }, bodyFormatOverride: text('%LOCAL_REPLY_BODY%') },
      { filter: hasStatus(denied), bodyFormatOverride: text(denialFormat) },
      {
        filter: { filterSpecifier: { case: 'orFilter', value: { filters: [flagged, ...refusals.map(hasStatus)] } } },
        bodyFormatOverride: text(bodyFormat),
      },
    ],
  });
}

function text(format: string) {
  return { format: { case: 'textFormatSource', value: { specifier: { case: 'inlineString', value: format } } } } as const;
}

/** Envoy asks for a runtime key; none is ever set. */
function hasStatus(status: number) {
  const comparison = { op: ComparisonFilter_Op.EQ, value: { defaultValue: status, runtimeKey: 'heddle.none' } };
  return { filterSpecifier: { case: 'statusCodeFilter', value: { comparison } } } as const;
}
