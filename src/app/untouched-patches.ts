// In: what was compiled for the proxies there are. Out: an error for each EnvoyFilter patch that is meant for some of them and changed nothing in
// any: nearly always a name that is not there.
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Compiled } from '#compile/compiled.ts';
import type { EnvoyPatch } from '#model/envoy-filter.ts';

export function untouchedPatches(compiled: readonly Compiled[]): readonly Diagnostic[] {
  const meant = new Set(compiled.flatMap(({ patches = [] }) => patches));
  for (const { touched = [] } of compiled) for (const patch of touched) meant.delete(patch);
  return [...meant].map(toDiagnostic);
}

function toDiagnostic({ applyTo, operation, origin, listener, routeConfiguration, cluster }: EnvoyPatch): Diagnostic {
  const match = JSON.stringify(listener ?? routeConfiguration ?? cluster ?? {});
  return {
    code: 'HDL0037',
    severity: 'error',
    message: `the patch touched nothing: ${operation} finds no ${applyTo} for ${match}`,
    hint: 'see what there is with `heddle compile PATH --proxy NAME.NAMESPACE`',
    at: origin,
  };
}
