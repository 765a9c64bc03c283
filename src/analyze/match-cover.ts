// Whether one HTTP match takes every request that another would take. Only prefixes are compared by path, and what cannot be compared counts
// as not covered: silence rather than a wrong word.
import type { HttpMatchRequest, StringMatch } from '#api/istio/virtual-service.ts';

/** True where each request of `later` also matches `earlier`, whose path is a prefix of the path of `later`. */
export function coversMatch(earlier: HttpMatchRequest, later: HttpMatchRequest): boolean {
  const { uri: { prefix: wide } = {}, ignoreUriCase: wideIgnoresCase = false } = earlier;
  const { uri: { prefix: narrow } = {}, ignoreUriCase: narrowIgnoresCase = false } = later;
  if (wide === undefined || narrow === undefined || !narrow.startsWith(wide) || wideIgnoresCase !== narrowIgnoresCase) return false;
  return (
    stringCovers(earlier.method, later.method) &&
    stringCovers(earlier.authority, later.authority) &&
    stringCovers(earlier.scheme, later.scheme) &&
    (earlier.port === undefined || earlier.port === later.port) &&
    mapCovers(earlier.headers, later.headers, stringCovers) &&
    mapCovers(earlier.queryParams, later.queryParams, stringCovers) &&
    mapCovers(earlier.withoutHeaders, later.withoutHeaders, stringEquals) &&
    mapCovers(earlier.sourceLabels, later.sourceLabels, (a, b) => a === b) &&
    (earlier.sourceNamespace === undefined || earlier.sourceNamespace === later.sourceNamespace) &&
    (earlier.gateways === undefined || (later.gateways?.every((gateway) => earlier.gateways?.includes(gateway)) ?? false))
  );
}

/** No condition covers every condition. */
function stringCovers(wide: StringMatch | undefined, narrow: StringMatch | undefined): boolean {
  if (wide === undefined) return true;
  if (narrow === undefined) return false;
  if (stringEquals(wide, narrow)) return true;
  return wide.prefix !== undefined && (narrow.exact ?? narrow.prefix ?? '').startsWith(wide.prefix) && narrow.regex === undefined;
}

function stringEquals(a: StringMatch, b: StringMatch): boolean {
  return a.exact === b.exact && a.prefix === b.prefix && a.regex === b.regex;
}

function mapCovers<Value>(
  wide: Readonly<Record<string, Value>> | undefined,
  narrow: Readonly<Record<string, Value>> | undefined,
  covers: (wide: Value, narrow: Value) => boolean,
): boolean {
  return Object.entries(wide ?? {}).every(([name, value]) => {
    const other = narrow?.[name];
    return other !== undefined && covers(value, other);
  });
}
