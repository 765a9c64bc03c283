// Envoy's RedirectAction, compiled to a function that writes the Location (Envoy: Http::Utility::newUri).

import type { Problems } from '#decide/config-error.ts';
import { matchedPrefixOf } from '#decide/forward-action.ts';
import { pathOnly } from '#decide/path-condition.ts';
import { replaceStart } from '#decide/rewrite.ts';
import type { RedirectAction } from '#decide/route-entry.ts';
import { compileSubstitution } from '#decide/substitution.ts';
import {
  RedirectAction_RedirectResponseCode as Code,
  type RedirectAction as RedirectConfig,
  type Route,
} from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';

const statuses: Readonly<Record<Code, number>> = {
  [Code.MOVED_PERMANENTLY]: 301,
  [Code.FOUND]: 302,
  [Code.SEE_OTHER]: 303,
  [Code.TEMPORARY_REDIRECT]: 307,
  [Code.PERMANENT_REDIRECT]: 308,
};

export function compileRedirect(route: Route, redirect: RedirectConfig, field: string, problems: Problems): RedirectAction {
  const newPath = compilePath(route, redirect, field, problems);
  const { hostRedirect, portRedirect } = redirect;
  const port = portRedirect === 0 ? '' : `:${portRedirect}`;
  return {
    kind: 'redirect',
    status: statuses[redirect.responseCode],
    location: (scheme, authority, path) => {
      const newScheme = schemeOf(redirect, scheme);
      const host = hostRedirect === '' ? keptHost(authority, scheme, newScheme, port) : hostRedirect;
      return `${newScheme}://${host}${port}${newPath(path)}`;
    },
  };
}

function schemeOf(redirect: RedirectConfig, scheme: string): string {
  const specifier = redirect.schemeRewriteSpecifier;
  if (specifier.case === 'schemeRedirect' && specifier.value !== '') return specifier.value.toLowerCase();
  return specifier.case === 'httpsRedirect' && specifier.value ? 'https' : scheme;
}

/** The request's own host; its port goes when another is set, or when it was the default of a scheme that changes. */
function keptHost(authority: string, scheme: string, newScheme: string, port: string): string {
  const colon = authority.startsWith('[') ? authority.lastIndexOf(']:') + 1 : authority.lastIndexOf(':');
  if (colon <= 0) return authority;
  const ownPort = authority.slice(colon);
  const wasDefault = newScheme !== scheme && ((scheme === 'https' && ownPort === ':443') || (scheme === 'http' && ownPort === ':80'));
  return port !== '' || wasDefault ? authority.slice(0, colon) : authority;
}

function compilePath(route: Route, redirect: RedirectConfig, field: string, problems: Problems): (path: string) => string {
  const specifier = redirect.pathRewriteSpecifier;
  const keep = (path: string) => (redirect.stripQuery ? pathOnly(path) : path);
  switch (specifier.case) {
    case 'pathRedirect': {
      const target = specifier.value;
      if (target.includes('?')) return () => target;
      return (path) => target + queryOf(keep(path));
    }
    case 'prefixRewrite': {
      const matched = matchedPrefixOf(route);
      return (path) => replaceStart(keep(path), matched, specifier.value);
    }
    case 'regexRewrite': {
      const { pattern, substitution } = compileSubstitution(specifier.value, `${field}.regex_rewrite`, problems);
      return (path) => pattern.replaceAll(pathOnly(path), substitution) + queryOf(keep(path));
    }
    case undefined:
      return keep;
  }
}

function queryOf(path: string): string {
  const at = path.indexOf('?');
  return at === -1 ? '' : path.slice(at);
}
