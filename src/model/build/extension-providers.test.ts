import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readExtensionProviders } from '#model/build/extension-providers.ts';

const at = { file: 'mesh.yaml', line: 1, col: 1 };

function read(extensionProviders: unknown) {
  const problems: { readonly field: string; readonly message: string }[] = [];
  const { externalAuthorizers } = readExtensionProviders({ extensionProviders }, at, problems);
  return { externalAuthorizers, problems: problems.map(({ field, message }) => `${field} ${message}`) };
}

void test('an authoriser over HTTP with all it can say', () => {
  const envoyExtAuthzHttp = {
    service: 'shop/auth.example',
    port: '8000',
    timeout: '0.5s',
    pathPrefix: '/check',
    failOpen: true,
    statusOnError: '503',
    includeRequestHeadersInCheck: ['cookie', 'x-a-*'],
    includeHeadersInCheck: ['old'],
    includeAdditionalHeadersInCheck: { 'x-from': 'mesh' },
    includeRequestBodyInCheck: { maxRequestBytes: 1024, allowPartialMessage: true },
    headersToUpstreamOnAllow: ['authorization'],
    headersToDownstreamOnAllow: ['set-cookie'],
    headersToDownstreamOnDeny: ['*-reason'],
  };
  const { externalAuthorizers, problems } = read([{ name: 'oauth', envoyExtAuthzHttp }]);
  assert.deepEqual(problems, []);
  assert.deepEqual(externalAuthorizers.get('oauth'), {
    name: 'oauth',
    service: 'shop/auth.example',
    port: 8000,
    timeoutMs: 500,
    failOpen: true,
    statusOnError: 503,
    clearRouteCache: false,
    body: { maxBytes: 1024, allowPartial: true, asBytes: false },
    protocol: {
      kind: 'http',
      pathPrefix: '/check',
      includeRequestHeaders: ['cookie', 'x-a-*'],
      addToCheck: { 'x-from': 'mesh' },
      headersToUpstreamOnAllow: ['authorization'],
      headersToDownstreamOnAllow: ['set-cookie'],
      headersToDownstreamOnDeny: ['*-reason'],
    },
    origin: at,
  });
});

void test('an authoriser over gRPC waits as long as Istio lets it, and is closed where nobody answers', () => {
  const { externalAuthorizers } = read([{ name: 'asker', envoyExtAuthzGrpc: { service: 'asker.shop.svc.cluster.local', port: 9000 } }]);
  const found = externalAuthorizers.get('asker');
  assert.deepEqual([found?.protocol.kind, found?.timeoutMs, found?.failOpen, found?.statusOnError], ['grpc', 600_000, false, undefined]);
});

void test('providers of other kinds are not for authorisation', () => {
  assert.deepEqual(read([{ name: 'logs', envoyFileAccessLog: { path: '/dev/stdout' } }]), { externalAuthorizers: new Map(), problems: [] });
});

const good = { service: 'a.b', port: 80 };

const wrong: readonly (readonly [title: string, providers: unknown, problem: RegExp])[] = [
  ['no list', {}, /must be a list/],
  ['no name', [{ envoyExtAuthzHttp: good }], /extensionProviders\[0\].name/],
  ['a name with capitals', [{ name: 'OAuth', envoyExtAuthzHttp: good }], /name must be of lower-case letters/],
  ['a name with a hyphen at its end', [{ name: 'a-', envoyExtAuthzHttp: good }], /name must be/],
  ['no service', [{ name: 'a', envoyExtAuthzHttp: { port: 80 } }], /envoyExtAuthzHttp.service/],
  ['no port', [{ name: 'a', envoyExtAuthzGrpc: { service: 'a.b' } }], /envoyExtAuthzGrpc.port/],
  ['a port that is none', [{ name: 'a', envoyExtAuthzGrpc: { service: 'a.b', port: 70_000 } }], /port must be a port/],
  ['a path without a slash', [{ name: 'a', envoyExtAuthzHttp: { ...good, pathPrefix: 'x' } }], /must begin with \//],
  ['a status that is none', [{ name: 'a', envoyExtAuthzHttp: { ...good, statusOnError: '299' } }], /is no HTTP status/],
  ['any header', [{ name: 'a', envoyExtAuthzHttp: { ...good, headersToUpstreamOnAllow: ['*'] } }], /\* alone is not taken/],
  ['no time at all', [{ name: 'a', envoyExtAuthzHttp: { ...good, timeout: '0s' } }], /a duration above zero/],
  ['a body of no bytes', [{ name: 'a', envoyExtAuthzHttp: { ...good, includeRequestBodyInCheck: {} } }], /maxRequestBytes/],
];

for (const [title, providers, problem] of wrong) {
  void test(`${title}: an error, and nobody to ask`, () => {
    const { externalAuthorizers, problems } = read(providers);
    assert.equal(externalAuthorizers.size, 0);
    assert.match(problems.join('\n'), problem);
  });
}

void test('of two providers with one name neither is asked', () => {
  const { externalAuthorizers, problems } = read([
    { name: 'a', envoyExtAuthzHttp: good },
    { name: 'a', envoyExtAuthzGrpc: good },
  ]);
  assert.equal(externalAuthorizers.size, 0);
  assert.equal(problems.length, 2);
});
