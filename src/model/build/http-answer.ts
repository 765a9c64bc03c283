// Rules that the proxy answers itself: redirect and directResponse.
import type { HttpRoute } from '#api/istio/virtual-service.ts';
import type { DirectResponse, Redirect } from '#model/virtual-service.ts';

/** A redirect comes before a direct response; neither is undefined. */
export function httpAnswer({ redirect, directResponse }: HttpRoute): Redirect | DirectResponse | undefined {
  if (redirect !== undefined) return buildRedirect(redirect);
  return directResponse === undefined ? undefined : buildDirectResponse(directResponse);
}

function buildRedirect(written: NonNullable<HttpRoute['redirect']>): Redirect {
  const port = written.derivePort === 'FROM_REQUEST_PORT' ? 'from-request' : written.port;
  const path = redirectPath(written);
  return {
    kind: 'redirect',
    status: redirectStatus(written.redirectCode),
    ...(isGiven(written.scheme) && { scheme: written.scheme }),
    ...(isGiven(written.authority) && { host: written.authority }),
    ...(port !== undefined && { port }),
    ...(path !== undefined && { path }),
  };
}

function redirectPath({ uri, prefixRewrite }: NonNullable<HttpRoute['redirect']>): Redirect['path'] {
  if (isGiven(prefixRewrite)) return { kind: 'prefix', value: prefixRewrite };
  return isGiven(uri) ? { kind: 'whole', value: uri } : undefined;
}

/** 301 where none, or none that Envoy knows, is given. */
function redirectStatus(code: number | undefined): Redirect['status'] {
  return code === 302 || code === 303 || code === 307 || code === 308 ? code : 301;
}

function buildDirectResponse({ status, body }: NonNullable<HttpRoute['directResponse']>): DirectResponse {
  if (body?.string !== undefined) return { kind: 'direct-response', status, body: body.string };
  return body?.bytes === undefined
    ? { kind: 'direct-response', status }
    : { kind: 'direct-response', status, body: Buffer.from(body.bytes, 'base64') };
}

function isGiven(text: string | undefined): text is string {
  return text !== undefined && text !== '';
}
