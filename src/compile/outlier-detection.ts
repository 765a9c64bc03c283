// DestinationRule outlierDetection: endpoints that keep failing are left out for a while.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { duration } from '#compile/durations.ts';
import type { OutlierDetectionSchema } from '#envoy/gen/envoy/config/cluster/v3/outlier_detection_pb.js';
import type { MatchPredicateSchema } from '#envoy/gen/envoy/config/common/matcher/v3/matcher_pb.js';
import type { OutlierDetection } from '#model/destination-rule.ts';

/** Success rates are never looked at. What is not set is Envoy's default. Source: Istio, applyOutlierDetection. */
export function outlierDetection(outlier: OutlierDetection): MessageInitShape<typeof OutlierDetectionSchema> {
  const { consecutive5xx, consecutiveGatewayErrors, localOrigin, intervalMs, baseEjectionMs, maxEjectionPercent } = outlier;
  return {
    enforcingSuccessRate: 0,
    ...(consecutive5xx !== undefined && { consecutive5xx, enforcingConsecutive5xx: always(consecutive5xx) }),
    ...(consecutiveGatewayErrors !== undefined && {
      consecutiveGatewayFailure: consecutiveGatewayErrors,
      enforcingConsecutiveGatewayFailure: always(consecutiveGatewayErrors),
    }),
    ...(intervalMs !== undefined && { interval: duration(intervalMs) }),
    ...(baseEjectionMs !== undefined && { baseEjectionTime: duration(baseEjectionMs) }),
    ...(maxEjectionPercent > 0 && { maxEjectionPercent }),
    ...(localOrigin !== undefined && {
      splitExternalLocalOriginErrors: true,
      enforcingLocalOriginSuccessRate: 0,
      ...(localOrigin.consecutiveFailures > 0 && {
        consecutiveLocalOriginFailure: localOrigin.consecutiveFailures,
        enforcingConsecutiveLocalOriginFailure: 100,
      }),
    }),
  };
}

/**
 * Answers with one of these statuses are errors, all others are none: Envoy counts an error below 500 as 500, and what is none as 200. Source: Istio,
 * OutlierDetection.outlier_detection_http_error_codes; Envoy, HttpProtocolOptions.OutlierDetection.error_matcher.
 */
export function errorMatcher(statuses: readonly number[]): MessageInitShape<typeof MatchPredicateSchema> {
  const rules = statuses.map(hasStatus);
  const [first] = rules;
  // A set of one is no set to Envoy.
  return rules.length === 1 && first !== undefined ? first : { rule: { case: 'orMatch', value: { rules } } };
}

function hasStatus(status: number): MessageInitShape<typeof MatchPredicateSchema> {
  const value = { matchPattern: { case: 'exact' as const, value: String(status) } };
  const headers = [{ name: ':status', headerMatchSpecifier: { case: 'stringMatch' as const, value } }];
  return { rule: { case: 'httpResponseHeadersMatch', value: { headers } } };
}

/** Percent: a count of 0 means that this kind of error ejects nobody. */
function always(count: number): number {
  return count > 0 ? 100 : 0;
}
