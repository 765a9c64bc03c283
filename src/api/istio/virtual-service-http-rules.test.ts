// What an http rule may say, as findings about it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindRules } from '#api/kind-rules.ts';
import { kinds } from '#api/kinds.ts';
import { validate } from '#api/validate.ts';
import { formatPath } from '#base/origin.ts';

/** `rule` beside a route, in a VirtualService for the mesh. */
function broken(rule: Readonly<Record<string, unknown>>, more: Readonly<Record<string, unknown>> = {}): readonly string[] {
  const action = rule['redirect'] === undefined && rule['directResponse'] === undefined ? { route: [{ destination: { host: 'a' } }] } : {};
  const spec = { hosts: ['a'], http: [{ ...action, ...rule }], ...more };
  assert.deepEqual(validate(kinds.VirtualService.body, { spec }), [], 'the rules are asked about bodies that fit the schema');
  return kindRules('VirtualService', { spec }).map(({ path, message }) => `${formatPath(path).replace('spec.http[0].', '')}: ${message}`);
}

test('faults: a status of gRPC has a known name, a percentage is not too small, and one of both is there', () => {
  assert.deepEqual(broken({ fault: { abort: { grpcStatus: 'UNAVAILABLE', percentage: { value: 10 } } } }), []);
  assert.deepEqual(broken({ fault: { delay: { fixedDelay: '1s', percent: 5 } } }), []);
  assert.deepEqual(broken({ fault: {} }), ['fault: a fault is a delay, an abort, or both']);
  assert.deepEqual(broken({ fault: { abort: { grpcStatus: 'UNAVAILABEL' } } }), ['fault.abort.grpcStatus: "UNAVAILABEL" is no status of gRPC']);
  assert.deepEqual(broken({ fault: { delay: { fixedDelay: '1s', percentage: { value: 0.00001 } } } }), [
    'fault.delay.percentage.value: 0.00001 % is less than Envoy can count',
  ]);
});

test('CORS: origins say something, methods and headers have names, ages are whole seconds', () => {
  assert.deepEqual(broken({ corsPolicy: { allowOrigins: [{ exact: '*' }], allowMethods: ['GET', '*'], allowHeaders: ['*'], maxAge: '24h' } }), []);
  assert.deepEqual(broken({ corsPolicy: { allowOrigins: [{}, { regex: '(' }], allowMethods: ['FETCH'], exposeHeaders: ['a b'], maxAge: '1.5s' } }), [
    'corsPolicy.allowOrigins[0]: an origin needs exact, prefix or regex',
    'corsPolicy.allowOrigins[1].regex: no valid regular expression: missing closing ): `(`',
    'corsPolicy.allowMethods[0]: "FETCH" is no method of HTTP',
    'corsPolicy.exposeHeaders[0]: "a b" is no name of a header',
    'corsPolicy.maxAge: browsers are told whole seconds',
  ]);
});

test('retries: conditions are known, and say nothing where there are no attempts', () => {
  assert.deepEqual(broken({ retries: { attempts: 3, retryOn: '5xx,503,unavailable', perTryTimeout: '1s' } }), []);
  assert.deepEqual(broken({ retries: { attempts: 0 } }), []);
  assert.deepEqual(broken({ retries: { perTryTimeout: '1s' } }), ['retries.attempts: without attempts there are no retries to say anything about']);
  assert.deepEqual(broken({ retries: { attempts: 1, retryOn: '5xxx,999, 503' } }), [
    'retries.retryOn: "5xxx" is no condition for retries',
    'retries.retryOn: "999" is no condition for retries',
    'retries.retryOn: " 503" is no condition for retries',
  ]);
});

test('redirects: a code that Envoy makes, one way to say the path, and somewhere to go', () => {
  assert.deepEqual(broken({ redirect: { prefixRewrite: '/b', redirectCode: 307 }, match: [{ uri: { prefix: '/a' } }, {}] }), []);
  assert.deepEqual(broken({ redirect: {} }), ['redirect: the redirect leads to where the request came to']);
  assert.deepEqual(broken({ redirect: { uri: '/', prefixRewrite: '/b', scheme: 'ftp', redirectCode: 304 }, match: [{ uri: { exact: '/a' } }] }), [
    'redirect.prefixRewrite: only one of uri and prefixRewrite may be set',
    'redirect.prefixRewrite: prefixRewrite needs matches by prefix',
    'redirect.redirectCode: 304 is no redirect that Envoy makes',
    'redirect.scheme: "ftp" is neither "http" nor "https"',
  ]);
});

test('direct responses hold up to 1 MiB', () => {
  assert.deepEqual(broken({ directResponse: { status: 200, body: { string: 'x'.repeat(1024 * 1024) } } }), []);
  assert.deepEqual(broken({ directResponse: { status: 200, body: { string: 'ü'.repeat(600_000) } } }), [
    'directResponse.body.string: a body of 1200000 bytes is more than proxies are given (1 MiB)',
  ]);
});

test('rewrites change something, in one way, with an expression of RE2', () => {
  assert.deepEqual(broken({ rewrite: { authority: 'b' } }), []);
  assert.deepEqual(broken({ rewrite: {} }), ['rewrite: the rewrite changes nothing']);
  assert.deepEqual(broken({ rewrite: { uri: '/', uriRegexRewrite: { match: '(?=a)', rewrite: '/' } } }), [
    'rewrite.uri: only one of uri and uriRegexRewrite may be set',
    'rewrite.uriRegexRewrite.match: no valid regular expression: invalid or unsupported Perl syntax: `(?=`',
  ]);
  assert.deepEqual(broken({ rewrite: { uriRegexRewrite: { match: '^/a' } } }), ['rewrite.uriRegexRewrite: uriRegexRewrite needs match and rewrite']);
});

test('headers: the host is set once and for requests only; values are texts with whole commands', () => {
  assert.deepEqual(broken({ headers: { request: { set: { Host: 'b', 'x-id': 'a %REQ(x-id)% 100%%' } }, response: { remove: ['server'] } } }), []);
  assert.deepEqual(broken({ rewrite: { authority: 'b' }, headers: { request: { add: { ':authority': 'c' } } } }), [
    'headers.request.add.:authority: the host of the request is set twice',
  ]);
  assert.deepEqual(broken({ headers: { request: { set: { ':path': '/', x: '50%' }, remove: ['Host'] }, response: { set: { host: 'b' } } } }), [
    'headers.request.set.:path: :path is no header that can be changed here',
    'headers.request.set.x: a % stands alone: commands are %LIKE_THIS%',
    'headers.request.remove[0]: Host is no header that can be changed here',
    'headers.response.set.host: host is no header that can be changed here',
  ]);
});

test('matches: headers have names, expressions are short enough, claims of a JWT are for gateways', () => {
  const claim = { match: [{ headers: { '@request.auth.claims.group': { exact: 'admin' } } }] };
  assert.deepEqual(broken(claim, { gateways: ['edge'] }), []);
  assert.equal(broken(claim).length, 1);
  assert.equal(broken(claim, { gateways: ['edge', 'mesh'] }).length, 1);
  assert.deepEqual(broken({ match: [{ headers: { 'a b': { exact: 'c' }, ':method': { exact: 'GET' } } }] }), [
    'match[0].headers.a b: "a b" is no name of a header',
  ]);
  assert.deepEqual(broken({ match: [{ uri: { regex: 'a'.repeat(1025) } }] }), [
    'match[0].uri.regex: the regular expression is longer than 1024 characters',
  ]);
});
