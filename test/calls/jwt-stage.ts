// One listener for each configuration of the JWT filter, on a live proxy of either kind. What the filter made of a request comes back in the answer:
// the route shows what was known of the token, header fields what the service would have got.
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { extensions } from '#decide/extension.ts';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { XdsResource } from '#envoy/resource.ts';
import { typeUrls } from '#envoy/type-url.ts';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { listenPorts } from '#test/support/listen-ports.ts';

const metadata = (path: readonly string[], value: JsonObject): JsonObject => ({
  filter: 'envoy.filters.http.jwt_authn',
  path: ['payload', ...path].map((key) => ({ key })),
  value,
});
const isIn = (text: string): JsonObject => ({
  or_match: { value_matchers: [{ list_match: { one_of: { string_match: { exact: text } } } }, { string_match: { exact: text } }] },
});

/** Requests whose token says this are told so; the last is for all others. */
const routes: readonly (readonly [name: string, match: JsonObject])[] = [
  ['sub is alice', { dynamic_metadata: [metadata(['sub'], isIn('alice'))] }],
  ['scope has read', { dynamic_metadata: [metadata(['scope'], isIn('read'))] }],
  ['nested id is 1', { dynamic_metadata: [metadata(['group', 'id'], isIn('1'))] }],
  ['no issuer', { dynamic_metadata: [{ ...metadata(['iss'], { present_match: true }), invert: true }] }],
  ['any other', {}],
];

/** What the service would get of these names. */
export const seenFields = [':path', 'authorization', 'x-token', 'x-sub', 'x-group', 'x-number', 'x-payload'] as const;

const routeConfig: JsonObject = {
  name: 'r',
  virtual_hosts: [
    {
      name: 'v',
      domains: ['*'],
      routes: routes.map(([name, match]) => ({ match: { prefix: '/', ...match }, direct_response: { status: 200, body: { inline_string: name } } })),
      response_headers_to_add: seenFields.map((name) => ({
        header: { key: `seen-${name.replace(':', '')}`, value: `%REQ(${name.toUpperCase()})%` },
      })),
    },
  ],
};

/** `calls` runs for one configuration (JwtAuthentication, as JSON) after the other. */
export async function withJwtListeners(
  plane: DataPlane,
  configs: readonly JsonObject[],
  calls: (index: number, port: number) => Promise<void>,
): Promise<void> {
  const ports = await listenPorts(configs.length);
  const resources = configs.map((config, index) => jwtListener(config, `l${index}`, ports[index] ?? 0));
  await withLiveProxy(plane, 'sidecar~127.0.0.1~random.default~default.svc.cluster.local', resources, async () => {
    for (const [index, port] of ports.entries()) await calls(index, port);
  });
}

/** The listener that the calls run through. */
export function jwtListener(config: JsonObject, name: string, port: number): XdsResource {
  const type = (of: string): string => `type.googleapis.com/envoy.extensions.filters.${of}`;
  const manager = {
    '@type': type('network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: name,
    route_config: routeConfig,
    max_request_headers_kb: 96,
    http_filters: [
      { name: 'envoy.filters.http.jwt_authn', typed_config: { '@type': type('http.jwt_authn.v3.JwtAuthentication'), ...config } },
      { name: 'router', typed_config: { '@type': type('http.router.v3.Router') } },
    ],
  };
  const json = {
    name,
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
  };
  return new XdsResource(typeUrls.listener, name, ListenerSchema, fromJson(ListenerSchema, json, { registry: extensions }));
}
