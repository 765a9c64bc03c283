// What was compiled for a proxy, in the shape of Envoy's own /config_dump (envoy.admin.v3.ConfigDump), so that it can be laid beside a
// dump of the Envoy that runs it. Secrets are left out.
import type { JsonValue } from '@bufbuild/protobuf';
import { printMessage } from '#envoy/print.ts';
import type { ResourceSet, XdsResource } from '#envoy/resource.ts';
import { type TypeUrl, typeUrls } from '#envoy/type-url.ts';

type Section = {
  readonly typeUrl: TypeUrl;
  readonly dump: string;
  readonly list: string;
  readonly entry: (resource: XdsResource, content: JsonValue) => { readonly [field: string]: JsonValue };
};

const sections: readonly Section[] = [
  {
    typeUrl: typeUrls.cluster,
    dump: 'ClustersConfigDump',
    list: 'dynamic_active_clusters',
    entry: ({ version }, cluster) => ({ version_info: version, cluster }),
  },
  {
    typeUrl: typeUrls.endpoint,
    dump: 'EndpointsConfigDump',
    list: 'dynamic_endpoint_configs',
    entry: ({ version }, config) => ({ version_info: version, endpoint_config: config }),
  },
  {
    typeUrl: typeUrls.listener,
    dump: 'ListenersConfigDump',
    list: 'dynamic_listeners',
    entry: ({ name, version }, listener) => ({ name, active_state: { version_info: version, listener } }),
  },
  {
    typeUrl: typeUrls.route,
    dump: 'RoutesConfigDump',
    list: 'dynamic_route_configs',
    entry: ({ version }, config) => ({ version_info: version, route_config: config }),
  },
  {
    typeUrl: typeUrls.secret,
    dump: 'SecretsConfigDump',
    list: 'dynamic_active_secrets',
    entry: ({ name, version }, secret) => ({ name, version_info: version, secret }),
  },
];

export function configDump(resources: ResourceSet): { readonly configs: readonly JsonValue[] } {
  const configs = sections.map(({ typeUrl, dump, list, entry }) => ({
    '@type': `type.googleapis.com/envoy.admin.v3.${dump}`,
    [list]: [...(resources.get(typeUrl)?.values() ?? [])].map((resource) => entry(resource, typed(resource))),
  }));
  return { configs };
}

/** The message, with its type as an Any in JSON has it. */
function typed(resource: XdsResource): JsonValue {
  const content = printMessage(resource.schema, resource.message);
  return typeof content === 'object' && content !== null && !Array.isArray(content) ? { '@type': resource.typeUrl, ...content } : content;
}
