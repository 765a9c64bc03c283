// Where a provider looks for tokens, and the tokens of a request that stand there: header fields first, then query parameters, then cookies.
import type { JwtHead } from '#decide/jwt-head.ts';
import type { JwtProvider } from '#envoy/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';

export type JwtLocation =
  | { readonly kind: 'header'; readonly name: string; readonly prefix: string }
  | { readonly kind: 'parameter'; readonly name: string }
  | { readonly kind: 'cookie'; readonly name: string };

export type FoundToken = { readonly text: string; readonly location: JwtLocation };

/** Source: Envoy, ExtractorImpl::addProvider. */
export function locationsOf({ fromHeaders, fromParams, fromCookies }: JwtProvider): readonly JwtLocation[] {
  if (fromHeaders.length + fromParams.length + fromCookies.length === 0) {
    return [
      { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
      { kind: 'parameter', name: 'access_token' },
    ];
  }
  return joinLocations([
    ...fromHeaders.map(({ name, valuePrefix }): JwtLocation => ({ kind: 'header', name: name.toLowerCase(), prefix: valuePrefix })),
    ...fromParams.map((name): JwtLocation => ({ kind: 'parameter', name })),
    ...fromCookies.map((name): JwtLocation => ({ kind: 'cookie', name })),
  ]);
}

/** Each once, by kind and within a kind by name and prefix, as Envoy's maps are. */
export function joinLocations(locations: readonly JwtLocation[]): readonly JwtLocation[] {
  const byKey = new Map(locations.map((location) => [keyOf(location), location]));
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, location]) => location);
}

const ranks = { header: 0, parameter: 1, cookie: 2 } as const;

function keyOf(location: JwtLocation): string {
  return `${ranks[location.kind]}${location.name}${location.kind === 'header' ? location.prefix : ''}`;
}

/** Whether a provider looks there. */
export function looksAt(locations: readonly JwtLocation[], location: JwtLocation): boolean {
  return locations.some((one) => keyOf(one) === keyOf(location));
}

/** Source: Envoy, ExtractorImpl::extract. */
export function tokensIn(head: JwtHead, locations: readonly JwtLocation[]): readonly FoundToken[] {
  const found: FoundToken[] = [];
  for (const location of locations) {
    switch (location.kind) {
      case 'header':
        for (const value of head.values(location.name)) {
          const text = afterPrefix(value, location.prefix);
          if (text !== undefined) found.push({ text, location });
        }
        break;
      case 'parameter': {
        const text = head.path.includes('?') ? parametersOf(head.path).find(({ name }) => name === location.name)?.value : undefined;
        if (text !== undefined) found.push({ text, location });
        break;
      }
      case 'cookie': {
        const text = cookieOf(head.values('cookie'), location.name);
        if (text !== undefined) found.push({ text, location });
      }
    }
  }
  return found;
}

/** The prefix may stand anywhere; behind it the token begins with the first character that one can have. */
function afterPrefix(value: string, prefix: string): string | undefined {
  if (prefix === '') return value;
  const at = value.indexOf(prefix);
  if (at === -1) return undefined;
  const rest = value.slice(at + prefix.length);
  const start = rest.search(/[A-Za-z0-9\-_.]/);
  return start === -1 ? value : rest.slice(start);
}

type Parameter = { readonly name: string; readonly value: string; readonly sent: string };

/** All in the order of the path, percent-decoded. */
function parametersOf(path: string): readonly Parameter[] {
  const query = path.indexOf('?');
  if (query === -1) return [];
  return path
    .slice(query + 1)
    .split('&')
    .filter((part) => part !== '')
    .map((sent) => {
      const equals = sent.indexOf('=');
      return equals === -1
        ? { name: decoded(sent), value: '', sent }
        : { name: decoded(sent.slice(0, equals)), value: decoded(sent.slice(equals + 1)), sent };
    });
}

/** What is no escape stays as it is. */
function decoded(text: string): string {
  if (!text.includes('%')) return text;
  return text.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** The first cookie of that name; quotes around its value are not part of it. */
function cookieOf(fields: readonly string[], name: string): string | undefined {
  for (const field of fields) {
    for (const part of field.split(';')) {
      const equals = part.indexOf('=');
      if (equals === -1 || part.slice(0, equals).trim() !== name) continue;
      const value = part.slice(equals + 1).trim();
      return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
    }
  }
  return undefined;
}

/** Takes the token out of the request, so that nobody behind this proxy sees it. Cookies stay, as in Envoy. */
export function removeToken(head: JwtHead, location: JwtLocation): void {
  if (location.kind === 'header') head.remove(location.name);
  else if (location.kind === 'parameter') head.path = withoutParameter(head.path, location.name);
}

/**
 * The other parameters come out sorted by name (Envoy: QueryParamsMulti::replaceQueryString). Differs from Envoy: they stay escaped as they were
 * sent, as a decoded space or line end is no part of a path.
 */
function withoutParameter(path: string, name: string): string {
  const query = path.indexOf('?');
  const rest = parametersOf(path)
    .filter((parameter) => parameter.name !== name)
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map(({ sent }) => (sent.includes('=') ? sent : `${sent}=`));
  return rest.length === 0 ? path.slice(0, query) : `${path.slice(0, query)}?${rest.join('&')}`;
}
