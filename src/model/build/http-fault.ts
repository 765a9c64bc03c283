// Faults of a rule as the model has them. Source: Istio, TranslateFault.
import type { HttpRoute } from '#api/istio/virtual-service.ts';
import { parseDurationMs } from '#base/duration.ts';
import { grpcStatuses } from '#base/grpc-status.ts';
import type { Fault } from '#model/virtual-service.ts';

type WrittenFault = NonNullable<HttpRoute['fault']>;

/**
 * Undefined where nothing is asked for that Istio acts on (exponentialDelay and http2Error are not). Without a percentage a delay counts for
 * the old `percent`, which is 0 unless set, and an abort for no request at all.
 */
export function httpFault(written: HttpRoute['fault']): Fault | undefined {
  const delay = faultDelay(written?.delay);
  const abort = faultAbort(written?.abort);
  return delay === undefined && abort === undefined ? undefined : { ...(delay !== undefined && { delay }), ...(abort !== undefined && { abort }) };
}

function faultDelay(written: WrittenFault['delay']): Fault['delay'] {
  const delayMs = written?.fixedDelay === undefined ? undefined : parseDurationMs(written.fixedDelay);
  if (written === undefined || delayMs === undefined) return undefined;
  return { delayMs, percent: written.percentage === undefined ? (written.percent ?? 0) : (written.percentage.value ?? 0) };
}

function faultAbort(written: WrittenFault['abort']): Fault['abort'] {
  if (written === undefined) return undefined;
  const percent = written.percentage?.value ?? 0;
  if (written.grpcStatus !== undefined) return { percent, grpcStatus: grpcStatuses.get(written.grpcStatus) ?? 0 };
  return written.httpStatus === undefined ? undefined : { percent, httpStatus: written.httpStatus };
}
