// Each rule of the Gateway API's CRDs with a resource that breaks it; and a resource of each kind that breaks none.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readText } from '#api/read-text.ts';

function said(kind: string, spec: string, version = 'v1'): readonly string[] {
  const text = `apiVersion: gateway.networking.k8s.io/${version}\nkind: ${kind}\nmetadata: {name: a}\nspec: ${spec}\n`;
  return readText('f.yaml', text).items.flatMap(({ diagnostics }) => diagnostics.map(({ code, message }) => `${code} ${message}`));
}

const listener = (fields: string): string => `{gatewayClassName: istio, listeners: [${fields}]}`;
const target = '{group: "", kind: Service, name: a}';
const backendTls = (validation: string): string => `{targetRefs: [${target}], validation: {${validation}}}`;
const rule = (fields: string): string => `{rules: [{${fields}}]}`;

const broken: readonly (readonly [what: string, kind: string, spec: string, message: RegExp])[] = [
  ['two listeners of one name', 'Gateway', listener('{name: a, port: 80, protocol: HTTP}, {name: a, port: 81, protocol: HTTP}'), /name a is taken/],
  [
    'two listeners alike',
    'Gateway',
    listener('{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: HTTP}'),
    /same port, protocol and hostname/,
  ],
  ['tls on HTTP', 'Gateway', listener('{name: a, port: 80, protocol: HTTP, tls: {}}'), /protocol HTTP cannot have tls/],
  ['HTTPS passed through', 'Gateway', listener('{name: a, port: 443, protocol: HTTPS, tls: {mode: Passthrough}}'), /can only terminate/],
  ['HTTPS without certificates', 'Gateway', listener('{name: a, port: 443, protocol: HTTPS, tls: {}}'), /needs certificateRefs/],
  ['a hostname on TCP', 'Gateway', listener('{name: a, port: 80, protocol: TCP, hostname: a.com}'), /TCP cannot have a hostname/],
  ['an address as hostname', 'Gateway', listener('{name: a, port: 80, protocol: HTTP, hostname: 1.2.3.4}'), /cannot be an IP address/],
  [
    'a listener name with a blank',
    'Gateway',
    listener('{name: bad name, port: 80, protocol: HTTP}'),
    /listeners\[0\]\.name must be a name of lower-case/,
  ],
  ['a hostname in upper case', 'Gateway', listener('{name: a, port: 80, protocol: HTTP, hostname: A.com}'), /must be a host name in lower case/],
  ['TLS without its mode', 'Gateway', listener('{name: a, port: 443, protocol: TLS}'), /TLS needs tls\.mode/],
  ['a protocol that is none', 'Gateway', listener('{name: a, port: 443, protocol: "HT TP"}'), /is no protocol/],
  [
    'an address that is none',
    'Gateway',
    `${listener('{name: a, port: 80, protocol: HTTP}').slice(0, -1)}, addresses: [{value: 1.1.1}]}`,
    /"1\.1\.1" is no IP address/,
  ],
  [
    'an address twice',
    'Gateway',
    `${listener('{name: a, port: 80, protocol: HTTP}').slice(0, -1)}, addresses: [{value: 1.1.1.1}, {type: IPAddress, value: 1.1.1.1}]}`,
    /said twice/,
  ],
  ['a controller without its path', 'GatewayClass', '{controllerName: istio}', /a domain and a path/],
  ['a misspelt field', 'Gateway', '{gatewayClassName: istio, listners: [], listeners: [{name: a, port: 80, protocol: HTTP}]}', /^HDL0011 .*listners/],
  ['one parent twice', 'HTTPRoute', '{parentRefs: [{name: a}, {name: a}]}', /same parent is named twice/],
  ['a parent, and a part of it', 'HTTPRoute', '{parentRefs: [{name: a}, {name: a, sectionName: b}]}', /same parent is named twice/],
  ['a backend group that is none', 'HTTPRoute', rule('backendRefs: [{group: Apps_, name: a, port: 80}]'), /group must be an API group/],
  ['a backend kind that is none', 'HTTPRoute', rule('backendRefs: [{kind: a/b, name: a, port: 80}]'), /kind must be a kind/],
  ['a path with a bracket', 'HTTPRoute', rule('matches: [{path: {value: "/my[/]path"}}]'), /holds what a path cannot/],
  [
    'a header removed twice',
    'HTTPRoute',
    rule('filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: [a, a]}}]'),
    /a is in the list twice/,
  ],
  [
    'a header set twice',
    'HTTPRoute',
    rule('filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: b}, {name: a, value: c}]}}]'),
    /a is in the list twice/,
  ],
  ['all origins and one', 'HTTPRoute', rule('filters: [{type: CORS, cors: {allowOrigins: ["*", "https://a.com"]}}]'), /\* stands for all/],
  ['an origin without a scheme', 'HTTPRoute', rule('filters: [{type: CORS, cors: {allowOrigins: [a.com]}}]'), /is no origin/],
  [
    'too many matches in all',
    'GRPCRoute',
    `{rules: [${Array.from({ length: 3 }, () => `{matches: [${Array.from({ length: 43 }, () => '{method: {service: a}}').join()}]}`).join()}]}`,
    /129 matches, of at most 128/,
  ],
  ['a filter without its field', 'HTTPRoute', rule('filters: [{type: CORS}]'), /type CORS needs cors/],
  [
    'a filter with another field',
    'HTTPRoute',
    rule('filters: [{type: CORS, cors: {}, urlRewrite: {}}]'),
    /urlRewrite cannot stand in a filter of type CORS/,
  ],
  ['a filter twice', 'HTTPRoute', rule('filters: [{type: CORS, cors: {}}, {type: CORS, cors: {}}]'), /one filter of type CORS/],
  [
    'redirect and rewrite',
    'HTTPRoute',
    rule('filters: [{type: RequestRedirect, requestRedirect: {}}, {type: URLRewrite, urlRewrite: {}}]'),
    /both redirect and rewrite/,
  ],
  [
    'a redirect with backends',
    'HTTPRoute',
    rule('filters: [{type: RequestRedirect, requestRedirect: {}}], backendRefs: [{name: a, port: 80}]'),
    /redirects cannot have backendRefs/,
  ],
  [
    'a prefix replaced that is none',
    'HTTPRoute',
    rule(
      'matches: [{path: {type: Exact, value: /a}}], filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}]',
    ),
    /exactly one match, of type PathPrefix/,
  ],
  [
    'a status that redirects nowhere',
    'HTTPRoute',
    rule('filters: [{type: RequestRedirect, requestRedirect: {statusCode: 304}}]'),
    /statusCode must be/,
  ],
  [
    'a path modifier of the other type',
    'HTTPRoute',
    rule('filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replacePrefixMatch: /}}}]'),
    /needs replaceFullPath/,
  ],
  [
    'percent and fraction',
    'HTTPRoute',
    rule('filters: [{type: RequestMirror, requestMirror: {backendRef: {name: a, port: 80}, percent: 1, fraction: {numerator: 1}}}]'),
    /only one of percent and fraction/,
  ],
  ['a path without its slash', 'HTTPRoute', rule('matches: [{path: {value: a}}]'), /a path starts with \//],
  ['an escaped slash', 'HTTPRoute', rule('matches: [{path: {value: /a%2Fb}}]'), /cannot contain %2F/],
  ['a path that goes up', 'HTTPRoute', rule('matches: [{path: {value: /a/..}}]'), /cannot end in/],
  ['an expression that is none', 'HTTPRoute', rule('matches: [{path: {type: RegularExpression, value: "/a(?=b)"}}]'), /no valid regular expression/],
  ['one header twice', 'HTTPRoute', rule('matches: [{headers: [{name: a, value: b}, {name: A, value: c}]}]'), /already in another condition/],
  ['a Service without its port', 'HTTPRoute', rule('backendRefs: [{name: a}]'), /needs its port/],
  ['a try longer than all tries', 'HTTPRoute', rule('timeouts: {request: 1s, backendRequest: 2s}'), /cannot be longer than request/],
  ['a policy of TLS without roots', 'BackendTLSPolicy', backendTls('hostname: a.com'), /does not say which roots/],
  [
    'roots named and well known',
    'BackendTLSPolicy',
    backendTls('hostname: a.com, wellKnownCACertificates: System, caCertificateRefs: [{group: "", kind: ConfigMap, name: a}]'),
    /either named or well known/,
  ],
  [
    'a server name that is an address',
    'BackendTLSPolicy',
    backendTls('hostname: 1.2.3.4, wellKnownCACertificates: System'),
    /cannot be an IP address/,
  ],
  [
    'a name of another type',
    'BackendTLSPolicy',
    backendTls('hostname: a.com, wellKnownCACertificates: System, subjectAltNames: [{type: URI, hostname: a.com}]'),
    /needs uri/,
  ],
  [
    'one target twice',
    'BackendTLSPolicy',
    `{targetRefs: [${target}, ${target}], validation: {hostname: a.com, wellKnownCACertificates: System}}`,
    /Service a is targeted twice/,
  ],
  ['an empty method', 'GRPCRoute', rule('matches: [{method: {type: Exact}}]'), /one of service and method/],
  ['a service that is no name', 'GRPCRoute', rule('matches: [{method: {service: a/b}}]'), /no name of a gRPC service/],
  ['a host that is all', 'HTTPRoute', '{hostnames: ["*"]}', /cannot be \* alone/],
  ['a host that is an address', 'TLSRoute', '{hostnames: [1.2.3.4], rules: [{backendRefs: [{name: a, port: 1}]}]}', /cannot be an IP address/],
  ['a header name with a space', 'HTTPRoute', rule('matches: [{headers: [{name: a b, value: c}]}]'), /"a b" is no name of a header/],
  [
    'a header value of two lines',
    'HTTPRoute',
    rule('filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: "b\\nc"}]}}]'),
    /is one line/,
  ],
  [
    'a header to remove that has no such name',
    'GRPCRoute',
    rule('filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {remove: ["a:b"]}}]'),
    /"a:b" is no name of a header/,
  ],
  ['no rules', 'TCPRoute', '{}', /spec.rules is missing/],
];

for (const [what, kind, spec, message] of broken) test(`refused: ${what}`, () => assert.match(said(kind, spec).join('\n'), message));

const fine: readonly (readonly [kind: string, spec: string, version?: string])[] = [
  ['GatewayClass', '{controllerName: istio.io/gateway-controller}'],
  [
    'Gateway',
    listener('{name: a, port: 80, protocol: HTTP, hostname: "*.a.com", allowedRoutes: {namespaces: {from: All}, kinds: [{kind: HTTPRoute}]}}'),
  ],
  ['HTTPRoute', '{parentRefs: [{name: a, sectionName: b}, {name: a, sectionName: c}], hostnames: [a.com], rules: [{timeouts: {request: 0s}}]}'],
  ['GRPCRoute', rule('matches: [{method: {service: a.B, method: C}}], backendRefs: [{name: a, port: 80, weight: 0}]')],
  ['TLSRoute', '{hostnames: [a.com], rules: [{backendRefs: [{name: a, port: 443}]}]}', 'v1alpha2'],
  ['TCPRoute', '{rules: [{backendRefs: [{name: a, port: 443}]}]}', 'v1alpha2'],
  ['ReferenceGrant', '{from: [{group: "", kind: Service, namespace: a}], to: [{group: "", kind: Service}]}', 'v1beta1'],
];

for (const [kind, spec, version] of fine) test(`taken: ${kind}`, () => assert.deepEqual(said(kind, spec, version), []));

test('a field without effect is one warning', () => {
  assert.deepEqual(said('HTTPRoute', rule('sessionPersistence: {sessionName: a}')), ['HDL0012 spec.rules[0].sessionPersistence has no effect yet']);
  assert.deepEqual(said('GatewayClass', '{controllerName: a.b/c, parametersRef: {group: "", kind: ConfigMap, name: a}}'), [
    'HDL0012 spec.parametersRef has no effect yet',
  ]);
});
