// What is counted, under Istio's names: dns_requests_total, dns_upstream_requests_total, dns_upstream_failures_total, and of
// dns_upstream_request_duration_seconds the sum and the count.
import type { Cell, Counters } from '#telemetry/counters.ts';

export type DnsCounters = {
  readonly requests: Cell;
  readonly upstreamRequests: Cell;
  readonly upstreamFailures: Cell;
  readonly upstreamSeconds: Cell;
  readonly upstreamCount: Cell;
};

export function dnsCounters(counters: Counters): DnsCounters {
  return {
    requests: counters.cell('dns_requests_total'),
    upstreamRequests: counters.cell('dns_upstream_requests_total'),
    upstreamFailures: counters.cell('dns_upstream_failures_total'),
    upstreamSeconds: counters.cell('dns_upstream_request_duration_seconds_sum'),
    upstreamCount: counters.cell('dns_upstream_request_duration_seconds_count'),
  };
}
