// The values of a request's header as Envoy's matchers see them: one for each field of that name, but for the names that Envoy itself joins into one
// field as it reads a request. Pseudo headers are fields of the request; `host` is the authority.
import { headerFieldsOf, type RequestView } from '#decide/views.ts';

export type HeaderValues = (request: RequestView) => string | readonly string[] | undefined;

/** One value, or where there are several all of them; undefined: there is no such header. `name` is in lower case. */
export function headerValues(name: string): HeaderValues {
  switch (name) {
    case ':authority':
    case 'host':
      return (request) => request.authority;
    case ':path':
      return (request) => request.path;
    case ':method':
      return (request) => request.method;
    case ':scheme':
      return (request) => request.scheme;
    default:
      return joined.has(name) || name.startsWith('x-envoy-') ? (request) => request.header(name) : (request) => separateValues(request, name);
  }
}

function separateValues(request: RequestView, name: string): string | readonly string[] | undefined {
  const all = request.header(name);
  // Without a comma there is but one.
  return all?.includes(',') === true ? headerFieldsOf(request, name) : all;
}

/** Envoy: the inline headers of RequestHeaderMap, and those that its filters register. */
const joined: ReadonlySet<string> = new Set(
  `accept accept-encoding access-control-request-headers access-control-request-method authorization cache-control connection content-length
   content-type expect grpc-timeout if-match if-modified-since if-none-match if-range if-unmodified-since keep-alive origin pragma proxy-connection
   referer te transfer-encoding upgrade user-agent via x-client-trace-id x-forwarded-client-cert x-forwarded-for x-forwarded-host x-forwarded-port
   x-forwarded-proto x-request-id`.split(/\s+/),
);
