// Random route configurations and requests that are likely to meet them, from a seed: every route answers with its own place, so that any
// proxy shows by its answer which one it chose.
import type { JsonObject } from '@bufbuild/protobuf';
import fc from 'fast-check';

export type RandomRequest = {
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  /** Of several values each is a field of its own. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
};

const words = ['a', 'b', 'ab', 'A', 'aB', 'c'] as const;
const path = fc.array(fc.constantFrom(...words), { minLength: 0, maxLength: 3 }).map((parts) => `/${parts.join('/')}`);
const ignoreCase = fc.boolean();

const stringMatch: fc.Arbitrary<JsonObject> = fc.oneof(
  fc
    .tuple(fc.constantFrom('exact', 'prefix', 'suffix', 'contains'), fc.constantFrom('a', 'ab', 'B', '1'), ignoreCase)
    .map(([kind, value, ignore_case]) => ({
      [kind]: value,
      ignore_case,
    })),
  fc.constantFrom('a.*', '[0-9]+', '(?i)AB', 'a|b', '.+b').map((regex) => ({ safe_regex: { regex } })),
);

const headerMatch: fc.Arbitrary<JsonObject> = fc
  .tuple(
    fc.constantFrom('x-a', 'x-b', ':method', ':authority'),
    fc.oneof(
      stringMatch.map((string_match) => ({ string_match })),
      fc.boolean().map((present_match) => ({ present_match })),
      fc.constant({ range_match: { start: '0', end: '10' } }),
    ),
    fc.boolean(),
    fc.boolean(),
  )
  .map(([name, match, invert_match, treat_missing_header_as_empty]) => ({ name, ...match, invert_match, treat_missing_header_as_empty }));

const queryMatch: fc.Arbitrary<JsonObject> = fc
  .tuple(
    fc.constantFrom('q', 'r'),
    fc.oneof(
      stringMatch.map((string_match) => ({ string_match })),
      fc.constant({ present_match: true }),
    ),
  )
  .map(([name, match]) => ({ name, ...match }));

const pathMatch: fc.Arbitrary<JsonObject> = fc.oneof(
  path.map((value) => ({ path: value })),
  path.map((value) => ({ prefix: value })),
  path.filter((value) => value !== '/').map((value) => ({ path_separated_prefix: value })),
  fc.constantFrom('/a.*', '.*/b', '/(a|b)/?', '/[^/]+', '(?i)/AB.*').map((regex) => ({ safe_regex: { regex } })),
);

const match: fc.Arbitrary<JsonObject> = fc
  .tuple(
    pathMatch,
    fc.boolean(),
    fc.oneof({ weight: 2, arbitrary: fc.constant<JsonObject[]>([]) }, { weight: 1, arbitrary: fc.array(headerMatch, { maxLength: 2 }) }),
    fc.oneof({ weight: 4, arbitrary: fc.constant<JsonObject[]>([]) }, { weight: 1, arbitrary: fc.array(queryMatch, { maxLength: 2 }) }),
  )
  .map(([byPath, case_sensitive, headers, query_parameters]) => ({ ...byPath, case_sensitive, headers, query_parameters }));

/** Some answer, some redirect. */
const action: fc.Arbitrary<(place: string) => JsonObject> = fc.oneof(
  { weight: 5, arbitrary: fc.constant((place: string) => ({ direct_response: { status: 200, body: { inline_string: place } } })) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom<JsonObject>(
        { https_redirect: true },
        { host_redirect: 'new.example', strip_query: true },
        { path_redirect: '/new' },
        { path_redirect: '/new?n=1' },
        { port_redirect: 8443 },
        { prefix_rewrite: '/p' },
        { scheme_redirect: 'https', port_redirect: 1 },
        { regex_rewrite: { pattern: { regex: '/(a|b)' }, substitution: '/\\1\\1' } },
      )
      .map((redirect) => (place: string) => ({ redirect: { ...redirect, response_code: place.length % 2 === 0 ? 'FOUND' : 'PERMANENT_REDIRECT' } })),
  },
);

const routes = fc.array(fc.tuple(match, action), { minLength: 1, maxLength: 14 });

const domains = ['a.com', '*.a.com', '*-x.a.com', 'a.*', 'a.c*', 'b.com', 'b.com:81', '*.b.com', '*'] as const;

/** One virtual host for each of the domains. */
export const routeConfiguration: fc.Arbitrary<JsonObject> = fc
  .tuple(fc.array(routes, { minLength: domains.length, maxLength: domains.length }), fc.boolean())
  .map(([hosts, ignore_port_in_host_matching]) => ({
    name: 'random',
    ignore_port_in_host_matching,
    virtual_hosts: domains
      .filter((domain) => !ignore_port_in_host_matching || !domain.includes(':'))
      .map((domain, host) => ({
        name: domain,
        domains: [domain],
        routes: (hosts[host] ?? []).map(([routeMatch, act], index) => ({
          name: `${domain} ${index}`,
          match: routeMatch,
          ...act(`${domain} ${index}`),
        })),
      })),
  }));

const value = fc.constantFrom<string | readonly string[]>('a', 'ab', 'AB', '1', '5', '10', 'b', 'xb', 'a,b', ['a', 'b'], ['1', 'xb', 'a,b']);

export const randomRequest: fc.Arbitrary<RandomRequest> = fc
  .tuple(
    fc.constantFrom('GET', 'GET', 'POST', 'HEAD'),
    fc.constantFrom('a.com', 'A.com', 'x.a.com', 'y-x.a.com', 'a.org', 'a.cz', 'b.com', 'b.com:81', 'c.b.com', 'a.com:80', 'other'),
    path,
    fc.constantFrom('', '', '/', '?q=1', '?q=a&r=b', '?r', '?q=ab&q=1'),
    fc.subarray(['x-a', 'x-b']),
    fc.tuple(value, value),
  )
  .map(([method, authority, base, rest, names, [first, second]]) => ({
    method,
    authority,
    path: base + rest,
    headers: Object.fromEntries(names.map((name, index) => [name, index === 0 ? first : second])),
  }));
