// The CORS policy of a rule as the model has it. Source: Istio, TranslateCORSPolicy.
import type { HttpRoute } from '#api/istio/virtual-service.ts';
import { parseDurationMs } from '#base/duration.ts';
import { stringMatch } from '#model/build/http-match.ts';
import type { CorsPolicy } from '#model/virtual-service.ts';

/** `allowOrigin`, the old exact form, counts where `allowOrigins` is not there. */
export function httpCors(written: HttpRoute['corsPolicy']): CorsPolicy | undefined {
  if (written === undefined) return undefined;
  const { allowOrigins, allowOrigin = [], allowMethods = [], allowHeaders = [], exposeHeaders = [], maxAge, allowCredentials } = written;
  const maxAgeMs = maxAge === undefined ? undefined : parseDurationMs(maxAge);
  return {
    allowOrigins: allowOrigins?.map((origin) => stringMatch(origin, false)) ?? allowOrigin.map((value) => ({ kind: 'exact', value })),
    allowMethods,
    allowHeaders,
    exposeHeaders,
    ...(maxAgeMs !== undefined && { maxAgeMs }),
    ...(allowCredentials !== undefined && { allowCredentials }),
    unmatchedPreflights: written.unmatchedPreflights === 'IGNORE' ? 'ignore' : 'forward',
  };
}
