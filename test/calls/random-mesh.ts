// Random meshes as users might write them: services with two versions, each with a VirtualService and a DestinationRule of random rules, and
// requests that are likely to meet them. What is left to chance at run time (weights, percentages) is all or nothing, so that two proxies
// that follow the same rules do the same.
import fc from 'fast-check';
import { stringify } from 'yaml';
import type { TableCall } from '#test/calls/call-table.ts';

export type RandomMesh = { readonly text: string; readonly calls: readonly TableCall[] };

type Json = { readonly [key: string]: unknown };

const maybe = <Value extends Json>(arbitrary: fc.Arbitrary<Value>, freq = 2): fc.Arbitrary<Value | Json> =>
  fc.oneof({ weight: freq, arbitrary: fc.constant<Json>({}) }, { weight: 1, arbitrary });

const words = ['a', 'b', 'ab', 'A'] as const;
const path = fc.array(fc.constantFrom(...words), { minLength: 0, maxLength: 3 }).map((parts) => `/${parts.join('/')}`);

const stringMatch: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom('a', 'ab', '1').map((exact) => ({ exact })),
  fc.constantFrom('a', '1').map((prefix) => ({ prefix })),
  fc.constantFrom('a.*', '[0-9]+', 'a|b', '.+b').map((regex) => ({ regex })),
);

const uri: fc.Arbitrary<Json> = fc.oneof(
  path.map((exact) => ({ uri: { exact } })),
  path.map((prefix) => ({ uri: { prefix } })),
  path.map((prefix) => ({ uri: { prefix }, ignoreUriCase: true })),
  fc.constantFrom('/a.*', '.*/b', '/(a|b)/?', '/[^/]+').map((regex) => ({ uri: { regex } })),
);

const match: fc.Arbitrary<Json> = fc
  .tuple(
    uri,
    maybe(
      fc.constantFrom('GET', 'POST').map((exact) => ({ method: { exact } })),
      3,
    ),
    maybe(fc.tuple(fc.constantFrom('x-a', 'X-B'), fc.oneof(stringMatch, fc.constant({}))).map(([name, value]) => ({ headers: { [name]: value } }))),
    maybe(
      stringMatch.map((value) => ({ withoutHeaders: { 'x-a': value } })),
      5,
    ),
    maybe(
      stringMatch.map((value) => ({ queryParams: { q: value } })),
      4,
    ),
  )
  .map((parts) => Object.assign({}, ...parts) as Json); // each part is a piece of one match

const headerChanges: fc.Arbitrary<Json> = fc
  .record({
    set: fc.constantFrom({}, { 'x-set': 's' }, { 'x-a': 'replaced' }, { Host: 'set.example' }),
    add: fc.constantFrom({}, { 'x-add': '1' }, { 'x-a': 'more' }),
    remove: fc.subarray(['x-b', 'x-none']),
  })
  .map(({ set, add, remove }) => ({ set, add, remove }));

const headers = fc.record({
  request: headerChanges,
  response: fc.constantFrom({}, { set: { 'x-out': '1' } }, { add: { server: 'more' }, remove: ['x-envoy-upstream-service-time'] }),
});

const modifiers: fc.Arbitrary<Json> = fc
  .tuple(
    maybe(
      fc
        .constantFrom(
          { uri: '/new' },
          { uri: '/' },
          { authority: 'inner.example' },
          { uri: '/x', authority: 'deep.example' },
          { uriRegexRewrite: { match: '^/a(.*)$', rewrite: '/z\\1' } },
        )
        .map((rewrite) => ({ rewrite })),
    ),
    maybe(headers.map((changes) => ({ headers: changes }))),
    maybe(
      fc.constantFrom('5s', '30s').map((timeout) => ({ timeout })),
      4,
    ),
    maybe(
      fc.constantFrom({ attempts: 0 }, { attempts: 3, perTryTimeout: '2s', retryOn: '5xx' }).map((retries) => ({ retries })),
      4,
    ),
    maybe(
      fc
        .constantFrom(0, 100)
        .chain((value) => fc.constantFrom(400, 503).map((httpStatus) => ({ fault: { abort: { httpStatus, percentage: { value } } } }))),
      5,
    ),
    maybe(
      fc
        .constantFrom<Json>(
          { allowOrigins: [{ exact: 'http://a' }], allowMethods: ['GET'] },
          { allowOrigins: [{ regex: 'http://.*' }], allowCredentials: true, exposeHeaders: ['x-out'], maxAge: '1h' },
        )
        .map((corsPolicy) => ({ corsPolicy })),
      3,
    ),
  )
  .map((parts) => withOneHost(Object.assign({}, ...parts) as Json)); // as above

/** A rule that sets the host twice is refused. */
function withOneHost({ rewrite, ...rule }: Json): Json {
  const isTwice = JSON.stringify(rule).includes('Host') && JSON.stringify(rewrite ?? {}).includes('authority');
  return isTwice || rewrite === undefined ? rule : { ...rule, rewrite };
}

const answer: fc.Arbitrary<Json> = fc.oneof(
  fc
    .constantFrom<Json>(
      { uri: '/to' },
      { authority: 'other.example', redirectCode: 308 },
      { scheme: 'https', port: 8443 },
      { uri: '/moved', redirectCode: 302 },
      { derivePort: 'FROM_REQUEST_PORT', uri: '/p' },
    )
    .map((redirect) => ({ redirect })),
  fc
    .constantFrom<Json>({ status: 418, body: { string: 'short' } }, { status: 204 }, { status: 503, body: { string: 'closed' } })
    .map((directResponse) => ({ directResponse })),
);

/** `self`: the service that the rule is about; some destinations are the next one, some have no endpoint. */
function rule(self: string, other: string): fc.Arbitrary<Json> {
  const destination = fc.constantFrom<Json>(
    { host: self },
    { host: self, subset: 'v1' },
    { host: self, subset: 'v2' },
    { host: self, subset: 'empty' },
    { host: other, subset: 'v1' },
    { host: `${other}.default.svc.cluster.local`, port: { number: 80 } },
  );
  const weighted = fc
    .tuple(destination, destination, maybe(headers.map((changes) => ({ headers: changes }))), fc.boolean())
    .map(([one, two, more, first]) => ({
      route: [
        { destination: one, weight: first ? 100 : 0, ...more },
        { destination: two, weight: first ? 0 : 100 },
      ],
    }));
  const single = destination.map((one) => ({ route: [{ destination: one }] }));
  const routed = fc.tuple(fc.oneof(single, weighted), modifiers).map(([route, more]) => ({ ...more, ...route }));
  const matches = fc.array(match, { minLength: 1, maxLength: 2 });
  return fc
    .tuple(matches, fc.oneof({ weight: 3, arbitrary: routed }, { weight: 1, arbitrary: answer }))
    .map(([found, act]) => ({ match: found, ...act }));
}

const balancing: fc.Arbitrary<Json> = fc.constantFrom<Json>(
  { loadBalancer: { simple: 'LEAST_REQUEST' } },
  { loadBalancer: { simple: 'ROUND_ROBIN' } },
  { loadBalancer: { consistentHash: { httpHeaderName: 'x-user' } } },
  { loadBalancer: { consistentHash: { httpQueryParameterName: 'q', maglev: { tableSize: 65537 } } } },
);

const value = fc.constantFrom('a', 'ab', '1', '5', 'b', 'xb');

const request: fc.Arbitrary<{ readonly method: string; readonly path: string; readonly headers: Readonly<Record<string, string>> }> = fc
  .tuple(
    fc.constantFrom('GET', 'GET', 'POST', 'OPTIONS'),
    path,
    fc.constantFrom('', '', '?q=1', '?q=a&r=b', '?r'),
    fc.subarray(['x-a', 'x-b', 'origin', 'x-user', 'access-control-request-method']),
    value,
  )
  .map(([method, base, query, names, text]) => ({
    method,
    path: base + query,
    headers: Object.fromEntries(names.map((name) => [name, name === 'origin' ? `http://${text}` : name.startsWith('access') ? 'GET' : text])),
  }));

/** `services` of them, and `calls` to each. */
export function randomMesh(seed: number, services: number, calls: number): RandomMesh {
  const names = Array.from({ length: services }, (_, index) => `s${index}`);
  const parts = names.map((name, index) => {
    const other = names[(index + 1) % services] ?? name;
    const [http = []] = fc.sample(fc.array(rule(name, other), { minLength: 1, maxLength: 6 }), { seed: seed * 100 + index, numRuns: 1 });
    const [trafficPolicy = {}] = fc.sample(balancing, { seed: seed * 100 + index, numRuns: 1 });
    const requests = fc.sample(request, { seed: seed * 100 + index, numRuns: calls });
    return {
      documents: documentsOf(name, [...http, { route: [{ destination: { host: name } }] }], trafficPolicy),
      calls: requests.map((one) => callTo(name, one)),
    };
  });
  const documents = [client, ...parts.flatMap((part) => part.documents)];
  return { text: documents.map((document) => stringify(document)).join('---\n'), calls: parts.flatMap((part) => part.calls) };
}

const client: Json = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'client', namespace: 'default' },
  spec: { containers: [{ name: 'app', image: 'client' }] },
};

function documentsOf(name: string, http: readonly Json[], trafficPolicy: Json): readonly Json[] {
  const metadata = { name, namespace: 'default' };
  const pod = (version: string): Json => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `${name}-${version}`, namespace: 'default', labels: { app: name, version } },
    spec: { containers: [{ name: 'app', image: name, ports: [{ containerPort: 8080 }] }] },
  });
  const subsets = ['v1', 'v2', 'empty'].map((version) => ({ name: version, labels: { version } }));
  return [
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] } },
    pod('v1'),
    pod('v2'),
    { apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata, spec: { hosts: [name], http } },
    { apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata, spec: { host: name, subsets, trafficPolicy } },
  ];
}

function callTo(
  name: string,
  { method, path: target, headers: sent }: { readonly method: string; readonly path: string; readonly headers: Readonly<Record<string, string>> },
): TableCall {
  return { from: 'client.default', request: { method, url: `http://${name}${target}`, headers: sent }, expect: {} };
}
