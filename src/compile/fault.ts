// Faults that a rule asks for, as what its route tells the fault filter. Source: Istio, TranslateFault.
import type { Any } from '@bufbuild/protobuf/wkt';
import { duration } from '#compile/durations.ts';
import { fractionOf } from '#compile/percent.ts';
import { packAny } from '#envoy/any.ts';
import { create } from '#envoy/create.ts';
import { FaultDelaySchema } from '#envoy/gen/envoy/extensions/filters/common/fault/v3/fault_pb.js';
import { type FaultAbort, FaultAbortSchema, HTTPFaultSchema } from '#envoy/gen/envoy/extensions/filters/http/fault/v3/fault_pb.js';
import type { Fault } from '#model/virtual-service.ts';

export function faultConfig({ delay, abort }: Fault): Any {
  return packAny(HTTPFaultSchema, {
    ...(delay !== undefined && {
      delay: create(FaultDelaySchema, {
        faultDelaySecifier: { case: 'fixedDelay', value: duration(delay.delayMs) },
        percentage: fractionOf(delay.percent),
      }),
    }),
    ...(abort !== undefined && { abort: faultAbort(abort) }),
  });
}

function faultAbort(abort: NonNullable<Fault['abort']>): FaultAbort {
  return create(FaultAbortSchema, {
    percentage: fractionOf(abort.percent),
    errorType: 'httpStatus' in abort ? { case: 'httpStatus', value: abort.httpStatus } : { case: 'grpcStatus', value: abort.grpcStatus },
  });
}
