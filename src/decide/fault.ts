// Envoy's HTTPFault, compiled: which requests it is for, how many of them wait, and how many are answered with an error.

import type { Condition } from '#decide/condition.ts';
import type { Problems } from '#decide/config-error.ts';
import { durationMs } from '#decide/duration.ts';
import { compileHeaderCondition } from '#decide/header-condition.ts';
import { shareOf } from '#decide/route-match.ts';
import type { RequestView } from '#decide/views.ts';
import type { HTTPFault } from '#envoy/gen/envoy/extensions/filters/http/fault/v3/fault_pb.js';

/** Shares are from 0 to 1; 0 where the fault has no delay or no abort. */
export type FaultEntry = {
  readonly delayMs: number;
  readonly delayShare: number;
  readonly abort: FaultAbort;
  readonly abortShare: number;
  /** Only for requests to this cluster; '' for all. */
  readonly upstreamCluster: string;
  readonly conditions: readonly Condition[];
  /** Only for requests whose x-envoy-downstream-service-node is one of them; empty for all. */
  readonly nodes: ReadonlySet<string>;
  /** Beyond so many at once no more are made. */
  readonly maxActive: number;
};

/** A gRPC status goes out with HTTP status 200. */
export type FaultAbort = { readonly status: number; readonly grpcStatus?: number };

const nodeHeader = 'x-envoy-downstream-service-node';

export function compileFault(fault: HTTPFault, field: string, problems: Problems): FaultEntry {
  const { delay, abort } = fault;
  const isFixed = delay?.faultDelaySecifier.case === 'fixedDelay';
  if (delay !== undefined && delay.faultDelaySecifier.case === undefined) problems.report(`${field}.delay`, 'a fixed_delay is required');
  if (abort !== undefined && abort.errorType.case === undefined) problems.report(`${field}.abort`, 'one of http_status, grpc_status is required');
  return {
    delayMs: isFixed && delay.faultDelaySecifier.case === 'fixedDelay' ? durationMs(delay.faultDelaySecifier.value, 0) : 0,
    delayShare: isFixed ? shareOf(delay.percentage) : 0,
    abort: abortOfConfig(abort, field, problems),
    abortShare: abort === undefined ? 0 : shareOf(abort.percentage),
    upstreamCluster: fault.upstreamCluster,
    conditions: fault.headers.map((matcher, index) => compileHeaderCondition(matcher, `${field}.headers[${index}]`, problems)),
    nodes: new Set(fault.downstreamNodes),
    maxActive: fault.maxActiveFaults ?? Infinity,
  };
}

function abortOfConfig(abort: HTTPFault['abort'], field: string, problems: Problems): FaultAbort {
  const error = abort?.errorType;
  if (error?.case === 'grpcStatus') return { status: 200, grpcStatus: error.value };
  if (error?.case !== 'httpStatus') return { status: 200 };
  if (error.value < 200 || error.value > 599) problems.report(`${field}.abort.http_status`, `status ${error.value} is not between 200 and 599`);
  return { status: error.value };
}

/** Whether this fault is for this request: room for one more, cluster, nodes, headers, in Envoy's order. `cluster` is '' without a route. */
export function faultApplies(fault: FaultEntry, request: RequestView, cluster: string, activeFaults: number): boolean {
  if (activeFaults >= fault.maxActive) return false;
  if (fault.upstreamCluster !== '' && fault.upstreamCluster !== cluster) return false;
  if (fault.nodes.size > 0 && !fault.nodes.has(request.header(nodeHeader) ?? '')) return false;
  return fault.conditions.every(({ holds }) => holds(request));
}

/** Milliseconds the request has to wait; 0: it need not. `random` in [0, 1) is drawn once for the delay. */
export function delayOf(fault: FaultEntry, random: number): number {
  return random < fault.delayShare ? fault.delayMs : 0;
}

/** Whether it ends in an error; asked behind the delay, with a number of its own. */
export function aborts(fault: FaultEntry, random: number): boolean {
  return random < fault.abortShare;
}
