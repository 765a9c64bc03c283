// Faults that hit no request, though they are written down: without a percentage, which is none as in Istio, or without what shall happen.
import type { KindMap } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';

/** One warning for each delay and abort of a VirtualService that never acts. */
export function faultDiagnostics({ spec, origins }: KindMap['VirtualService']): readonly Diagnostic[] {
  return (spec.http ?? []).flatMap(({ fault }, index) => {
    const at = (part: 'delay' | 'abort') => origins.at(['spec', 'http', index, 'fault', part]);
    const { delay, abort } = fault ?? {};
    const ofDelay = delay === undefined ? undefined : missing('delay', delay.fixedDelay ?? delay.exponentialDelay, delay.percentage ?? delay.percent);
    const ofAbort = abort === undefined ? undefined : missing('abort', abort.httpStatus ?? abort.grpcStatus ?? abort.http2Error, abort.percentage);
    return [...(ofDelay === undefined ? [] : [{ ...ofDelay, at: at('delay') }]), ...(ofAbort === undefined ? [] : [{ ...ofAbort, at: at('abort') }])];
  });
}

function missing(part: 'delay' | 'abort', what: unknown, percentage: unknown): Diagnostic | undefined {
  const wanted = part === 'delay' ? 'fixedDelay' : 'httpStatus or grpcStatus';
  if (what === undefined) return warning(`the ${part} does nothing, as it has no ${wanted}`, `add ${wanted}`);
  return percentage === undefined
    ? warning(`the ${part} hits no request, as it has no percentage`, 'add percentage: { value: 100 }, or remove it')
    : undefined;
}

function warning(message: string, hint: string): Diagnostic {
  return { code: 'HDL0016', severity: 'warning', message, hint };
}
