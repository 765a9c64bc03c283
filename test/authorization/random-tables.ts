// Random AuthorizationPolicies as users write them, of every key and every form of value, and calls that are likely to meet them.
import fc from 'fast-check';
import type { TableCall, TableCase } from '#test/authorization/stage.ts';

type Json = Readonly<Record<string, unknown>>;

/** Each name is there or not. */
function some(fields: Readonly<Record<string, fc.Arbitrary<unknown>>>, freq = 3): fc.Arbitrary<Json> {
  const options = Object.entries(fields).map(([name, value]) =>
    fc.oneof({ weight: freq, arbitrary: fc.constant<Json>({}) }, { weight: 1, arbitrary: value.map((found): Json => ({ [name]: found })) }),
  );
  return fc.tuple(...options).map((parts) => Object.assign({}, ...parts) as Json); // each part is a piece of one object
}

const listOf = (...values: readonly string[]): fc.Arbitrary<readonly string[]> =>
  fc.subarray([...values], { minLength: 1, maxLength: Math.min(2, values.length) });

const principals = listOf('cluster.local/ns/shop/sa/web', 'cluster.local/ns/pay/*', '*/sa/probe', '*', 'cluster.local/ns/shop/sa/*');
const namespaces = listOf('shop', 'pay', 'p*', '*op');
const ipBlocks = listOf('127.0.0.0/8', '127.0.0.1', '10.0.0.0/8', '::1/128', '0.0.0.0/0');
const requestPrincipals = listOf('me/alice', 'me/*', '*', '*/bob', 'you/*');

const source = some({
  principals,
  notPrincipals: principals,
  namespaces,
  notNamespaces: namespaces,
  ipBlocks,
  notIpBlocks: ipBlocks,
  remoteIpBlocks: ipBlocks,
  notRemoteIpBlocks: ipBlocks,
  requestPrincipals,
  notRequestPrincipals: requestPrincipals,
});

const paths = listOf('/a', '/a/*', '*/b', '*', '/a/{*}/c', '/a/{**}', '/{*}/b', '/A');
const hosts = listOf('stock.shop.svc.cluster.local', 'stock.*', '*.local', 'STOCK.shop.svc.cluster.local', 'other');
const methods = listOf('GET', 'POST', 'G*', '*', '*ST');
const workloadPorts = listOf('8080', '9090');

const operation = some({
  paths,
  notPaths: paths,
  hosts,
  notHosts: hosts,
  methods,
  notMethods: methods,
  ports: workloadPorts,
  notPorts: workloadPorts,
});

const conditionKeys: readonly (readonly [key: string, values: readonly string[]])[] = [
  ['request.headers[x-a]', ['1', '*', 'a*', '*b']],
  ['request.headers[X-B]', ['b', 'c']],
  ['source.ip', ['127.0.0.1', '10.0.0.0/8']],
  ['remote.ip', ['127.0.0.0/8']],
  ['source.namespace', ['shop', 'pay', 'p*']],
  ['source.principal', ['cluster.local/ns/shop/sa/web', '*']],
  ['request.auth.principal', ['me/alice', '*/bob']],
  ['request.auth.audiences', ['store', 'web']],
  ['request.auth.presenter', ['app']],
  ['request.auth.claims[groups]', ['admins', 'a*', '*']],
  ['request.auth.claims[deep][in]', ['here']],
  ['destination.ip', ['127.0.0.0/8', '10.0.0.1']],
  ['destination.port', ['8080', '9090']],
  ['connection.sni', ['outbound_.80_._.stock.shop.svc.cluster.local', '*', 'other']],
];

const condition = fc
  .constantFrom(...conditionKeys)
  .chain(([key, values]) =>
    fc.tuple(listOf(...values), fc.boolean()).map(([found, isNot]): Json => ({ key, [isNot ? 'notValues' : 'values']: found })),
  );

/** An empty source or operation is refused. */
const filled = (arbitrary: fc.Arbitrary<Json>): fc.Arbitrary<Json> => arbitrary.filter((found) => Object.keys(found).length > 0);

const rule = some(
  {
    from: fc.array(filled(source), { minLength: 1, maxLength: 2 }).map((found) => found.map((each) => ({ source: each }))),
    to: fc.array(filled(operation), { minLength: 1, maxLength: 2 }).map((found) => found.map((each) => ({ operation: each }))),
    when: fc.array(condition, { minLength: 1, maxLength: 2 }),
  },
  1,
);

const policy: fc.Arbitrary<TableCase['policies'][number]> = fc
  .tuple(
    fc.constantFrom('ALLOW', 'ALLOW', 'DENY', 'DENY', 'AUDIT'),
    fc.array(rule, { minLength: 1, maxLength: 3 }),
    fc.constantFrom('shop', 'shop', 'istio-system'),
    fc.constantFrom(false, false, false, true),
  )
  .map(([action, rules, namespace, isDry]) => ({
    namespace,
    spec: { action, rules },
    ...(isDry && { annotations: { 'istio.io/dry-run': 'true' } }),
  }));

const call: fc.Arbitrary<TableCall> = fc
  .tuple(
    fc.constantFrom(undefined, 'shop/web', 'pay/web', 'else/probe', 'shop/other'),
    fc.oneof(
      { weight: 1, arbitrary: fc.constant<Partial<TableCall>>({ bytes: true }) },
      {
        weight: 5,
        arbitrary: fc
          .tuple(
            fc.constantFrom('GET', 'POST', 'PUT'),
            fc.constantFrom('/', '/a', '/a/', '/a/b', '/a/x/c', '/a//b', '/x/b', '/A', '/a%2Fb', '/a/../x', '/a/b?q=/x', '/a;v/b'),
          )
          .map(([method, path]): Partial<TableCall> => ({ call: `${method} ${path}` })),
      },
    ),
    some({ 'x-a': fc.constantFrom('1', 'ab', 'b'), 'x-b': fc.constantFrom('b', 'd'), 'x-forwarded-for': fc.constantFrom('10.0.0.7', '203.0.113.1') }),
    fc.option(
      some({
        sub: fc.constantFrom('alice', 'bob'),
        aud: fc.constantFrom<unknown>('store', ['web', 'other']),
        azp: fc.constant('app'),
        groups: fc.constantFrom<unknown>(['admins', 'others'], 'admins', 'b'),
        deep: fc.constantFrom<unknown>({ in: 'here' }, { in: ['there', 'here'] }, 'here'),
      }).map((claims) => ({ iss: 'me', ...claims })),
      { nil: undefined },
    ),
  )
  .map(([by, what, headers, token]) => ({
    ...(by !== undefined && { by }),
    ...what,
    ...(what.bytes !== true && { headers: headers as Readonly<Record<string, string>>, ...(token !== undefined && { token }) }), // of texts
    allowed: true,
  }));

/** `allowed` of the calls says nothing. */
export function randomTables(seed: number, tables: number, calls: number): readonly TableCase[] {
  return fc
    .sample(fc.tuple(fc.array(policy, { minLength: 1, maxLength: 4 }), fc.array(call, { minLength: calls, maxLength: calls })), {
      seed,
      numRuns: tables,
    })
    .map(([policies, made], index) => ({ name: `random ${index}`, mesh: { accessLogFile: '' }, policies, issuers: ['me', 'you'], calls: made }));
}
