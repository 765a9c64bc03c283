// Istio's thresholds: practically none, unless a DestinationRule sets them. Envoy's own (1024, and 3 retries) are hit by ordinary load.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { create } from '#envoy/create.ts';
import { type CircuitBreakers, CircuitBreakersSchema } from '#envoy/gen/envoy/config/cluster/v3/circuit_breaker_pb.js';
import { createShared } from '#envoy/shared-message.ts';
import type { ConnectionPool, RetryBudget } from '#model/destination-rule.ts';

type Thresholds = MessageInitShape<typeof CircuitBreakersSchema>;

const unlimited = 0xffff_ffff;

/** A count of 0 means "not set". With a retry budget Envoy does not look at max_retries. Source: Istio, applyConnectionPool and applyRetryBudget. */
export function circuitBreakers(pool?: ConnectionPool, budget?: RetryBudget): CircuitBreakers {
  if (pool !== undefined || budget !== undefined) return create(CircuitBreakersSchema, thresholds(pool, budget));
  withoutLimits ??= createShared(CircuitBreakersSchema, thresholds(undefined, undefined));
  return withoutLimits;
}

/** What most clusters have, made once: messages are never changed. */
let withoutLimits: CircuitBreakers | undefined;

function thresholds(pool: ConnectionPool | undefined, budget: RetryBudget | undefined): Thresholds {
  const { tcp, http } = pool ?? {};
  return {
    thresholds: [
      {
        maxConnections: limit(tcp?.maxConnections),
        maxPendingRequests: limit(http?.maxPendingRequests),
        maxRequests: limit(http?.maxRequests),
        maxRetries: limit(http?.maxRetries),
        trackRemaining: true,
        ...(budget !== undefined && { retryBudget: retryBudget(budget) }),
      },
    ],
  };
}

/** Istio's defaults are Envoy's: 20 % of what is under way, and always 3. */
function retryBudget({ percent = 20, minConcurrency = 3 }: RetryBudget) {
  return { budgetPercent: { value: percent }, minRetryConcurrency: minConcurrency };
}

function limit(count: number | undefined): number {
  return count === undefined || count === 0 ? unlimited : count;
}
