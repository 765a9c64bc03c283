// Envoy's OutlierDetection, compiled: when an endpoint is taken out of balancing, and for how long.
import type { Problems } from '#decide/config-error.ts';
import { durationMs } from '#decide/duration.ts';
import type { StatusRange } from '#decide/status-ranges.ts';
import type { OutlierDetection } from '#envoy/gen/envoy/config/cluster/v3/outlier_detection_pb.js';

/** What can eject an endpoint, by Envoy's names. */
export const ejectionTypes = [
  'consecutive_5xx',
  'consecutive_gateway_failure',
  'consecutive_local_origin_failure',
  'success_rate',
  'local_origin_success_rate',
  'failure_percentage',
  'local_origin_failure_percentage',
] as const;

export type EjectionType = (typeof ejectionTypes)[number];

/** Durations in ms; percentages 0 to 100. */
export type OutlierEntry = {
  readonly intervalMs: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionMs: number;
  readonly maxJitterMs: number;
  readonly maxEjectionPercent: number;
  readonly alwaysEjectOne: boolean;
  /** The statuses that are errors, where the cluster says so (error_matcher); undefined: those from 500 on. */
  readonly errorStatuses?: readonly StatusRange[];
  readonly consecutive5xx: number;
  readonly consecutiveGatewayFailure: number;
  readonly consecutiveLocalOriginFailure: number;
  /** Failures to connect and timeouts count apart from the endpoint's own answers. */
  readonly splitsLocalOrigin: boolean;
  /** Percent of detections that eject. */
  readonly enforcing: Readonly<Record<EjectionType, number>>;
  readonly successRate: { readonly minimumHosts: number; readonly requestVolume: number /** Thousandths. */; readonly deviations: number };
  readonly failurePercentage: { readonly threshold: number; readonly minimumHosts: number; readonly requestVolume: number };
};

const defaultBaseMs = 30_000;
const defaultMaxMs = 300_000;

export function compileOutlier(detection: OutlierDetection, field: string, problems: Problems, errorStatuses?: readonly StatusRange[]): OutlierEntry {
  const baseEjectionMs = durationMs(detection.baseEjectionTime, defaultBaseMs);
  const maxEjectionMs = durationMs(detection.maxEjectionTime, Math.max(defaultMaxMs, baseEjectionMs));
  if (maxEjectionMs < baseEjectionMs) problems.report(`${field}.max_ejection_time`, 'must not be below base_ejection_time');
  return {
    ...(errorStatuses === undefined ? {} : { errorStatuses }),
    intervalMs: durationMs(detection.interval, 10_000),
    baseEjectionMs,
    maxEjectionMs,
    maxJitterMs: durationMs(detection.maxEjectionTimeJitter, 0),
    maxEjectionPercent: Math.min(100, detection.maxEjectionPercent ?? 10),
    alwaysEjectOne: detection.alwaysEjectOneHost ?? false,
    consecutive5xx: detection.consecutive5xx ?? 5,
    consecutiveGatewayFailure: detection.consecutiveGatewayFailure ?? 5,
    consecutiveLocalOriginFailure: detection.consecutiveLocalOriginFailure ?? 5,
    splitsLocalOrigin: detection.splitExternalLocalOriginErrors,
    enforcing: {
      consecutive_5xx: detection.enforcingConsecutive5xx ?? 100,
      consecutive_gateway_failure: detection.enforcingConsecutiveGatewayFailure ?? 0,
      consecutive_local_origin_failure: detection.enforcingConsecutiveLocalOriginFailure ?? 100,
      success_rate: detection.enforcingSuccessRate ?? 100,
      local_origin_success_rate: detection.enforcingLocalOriginSuccessRate ?? 100,
      failure_percentage: detection.enforcingFailurePercentage ?? 0,
      local_origin_failure_percentage: detection.enforcingFailurePercentageLocalOrigin ?? 0,
    },
    successRate: {
      minimumHosts: detection.successRateMinimumHosts ?? 5,
      requestVolume: detection.successRateRequestVolume ?? 100,
      deviations: detection.successRateStdevFactor ?? 1900,
    },
    failurePercentage: {
      threshold: detection.failurePercentageThreshold ?? 85,
      minimumHosts: detection.failurePercentageMinimumHosts ?? 5,
      requestVolume: detection.failurePercentageRequestVolume ?? 50,
    },
  };
}
