// What redirects, direct responses and rewrites of a rule may say. Source: Istio, validateHTTPRedirect, validateHTTPDirectResponse and
// validateHTTPRewrite.
import { type Finding, invalid, type Path } from '#api/finding.ts';
import { checkExpression } from '#api/istio/regex-rules.ts';
import type { HttpMatchRequest, HttpRoute } from '#api/istio/virtual-service.ts';

const redirectCodes = [301, 302, 303, 307, 308];

/** Differs from Istio, which takes any code 3xx, and then sends Envoy a route that it refuses. */
export function checkRedirect(redirect: NonNullable<HttpRoute['redirect']>, matches: readonly HttpMatchRequest[], path: Path): readonly Finding[] {
  const { uri = '', prefixRewrite = '', authority = '', port, derivePort, scheme = '', redirectCode = 0 } = redirect;
  const saysNothing = uri === '' && prefixRewrite === '' && authority === '' && port === undefined && derivePort === undefined && scheme === '';
  const notPrefix = matches.some((match) => match.uri !== undefined && match.uri.prefix === undefined);
  return [
    ...(uri !== '' && prefixRewrite !== '' ? [invalid([...path, 'prefixRewrite'], 'key', 'only one of uri and prefixRewrite may be set')] : []),
    ...(prefixRewrite !== '' && notPrefix
      ? [invalid([...path, 'prefixRewrite'], 'key', 'prefixRewrite needs matches by prefix', 'match by prefix, or use uri')]
      : []),
    ...(saysNothing ? [invalid(path, 'key', 'the redirect leads to where the request came to', 'add uri, authority, scheme or port')] : []),
    ...(redirectCode !== 0 && !redirectCodes.includes(redirectCode)
      ? [invalid([...path, 'redirectCode'], 'value', `${redirectCode} is no redirect that Envoy makes`, `the codes are ${redirectCodes.join(', ')}`)]
      : []),
    ...(['', 'http', 'https'].includes(scheme)
      ? []
      : [invalid([...path, 'scheme'], 'value', `${JSON.stringify(scheme)} is neither "http" nor "https"`)]),
  ];
}

const maxBodyBytes = 1024 * 1024;

export function checkDirectResponse({ body }: NonNullable<HttpRoute['directResponse']>, path: Path): readonly Finding[] {
  const sizeBytes = directBodyBytes(body);
  if (sizeBytes <= maxBodyBytes) return [];
  const field = body?.string === undefined ? 'bytes' : 'string';
  return [
    invalid([...path, 'body', field], 'value', `a body of ${sizeBytes} bytes is more than proxies are given (1 MiB)`, 'serve it from a service'),
  ];
}

/** As sent: text in UTF-8, base64 decoded. */
export function directBodyBytes(body: NonNullable<HttpRoute['directResponse']>['body']): number {
  if (body?.string !== undefined) return Buffer.byteLength(body.string);
  return body?.bytes === undefined ? 0 : Buffer.byteLength(body.bytes, 'base64');
}

export function checkRewrite({ uri = '', authority = '', uriRegexRewrite }: NonNullable<HttpRoute['rewrite']>, path: Path): readonly Finding[] {
  const regexPath = [...path, 'uriRegexRewrite'];
  if (uriRegexRewrite === undefined) {
    return uri === '' && authority === '' ? [invalid(path, 'key', 'the rewrite changes nothing', 'add uri, uriRegexRewrite or authority')] : [];
  }
  const { match = '', rewrite = '' } = uriRegexRewrite;
  return [
    ...(uri === '' ? [] : [invalid([...path, 'uri'], 'key', 'only one of uri and uriRegexRewrite may be set')]),
    ...(match === '' || rewrite === ''
      ? [invalid(regexPath, 'key', 'uriRegexRewrite needs match and rewrite')]
      : checkExpression(match, [...regexPath, 'match'])),
  ];
}
