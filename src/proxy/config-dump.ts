// Envoy's /config_dump: what is in force, as JSON with the proto's own field names. Keys, passwords and secrets are replaced wherever they stand.
import { type DescMessage, type JsonValue, type MessageShape, toJson } from '@bufbuild/protobuf';
import { extensions } from '#decide/extension.ts';
import { BootstrapSchema } from '#envoy/gen/envoy/config/bootstrap/v3/bootstrap_pb.js';
import { ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { ClusterLoadAssignmentSchema } from '#envoy/gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import { keySetField, redacted, secretFields, shownKeySet } from '#envoy/secret-fields.ts';
import type { ProxyBootstrap } from '#proxy/bootstrap.ts';
import type { ClusterStore } from '#proxy/cluster-store.ts';
import type { ConfigStore } from '#proxy/config-store.ts';
import type { KnownSecret, SecretStore } from '#proxy/tls/secret-store.ts';
import { readPem } from '#proxy/tls/secrets.ts';

const dumpType = 'type.googleapis.com/envoy.admin.v3.';

/** The sections of Envoy's ConfigDump: bootstrap, clusters, listeners, routes, secrets, endpoints. */
export function dumpConfig(bootstrap: ProxyBootstrap | undefined, clusters: ClusterStore, config: ConfigStore, secrets: SecretStore): JsonValue {
  const listeners = config.listenerMessages();
  const known = clusters.messages();
  const cluster = ({ message }: (typeof known)[number]) => ({ cluster: readable(ClusterSchema, message) });
  const listener = ({ message }: (typeof listeners)[number]) => readable(ListenerSchema, message);
  const live = listeners.filter((item) => !item.isStatic && item.live);
  const warming = listeners.filter((item) => !item.isStatic && !item.live);
  return {
    configs: [
      ...(bootstrap === undefined ? [] : [{ '@type': `${dumpType}BootstrapConfigDump`, bootstrap: readable(BootstrapSchema, bootstrap.message) }]),
      {
        '@type': `${dumpType}ClustersConfigDump`,
        static_clusters: known.filter((item) => item.isStatic).map(cluster),
        dynamic_active_clusters: known.filter((item) => !item.isStatic && item.live).map(cluster),
        dynamic_warming_clusters: known.filter((item) => !item.isStatic && !item.live).map(cluster),
      },
      {
        '@type': `${dumpType}ListenersConfigDump`,
        static_listeners: listeners.filter((item) => item.isStatic).map((item) => ({ listener: listener(item) })),
        dynamic_listeners: [
          ...live.map((item) => ({ name: item.message.name, active_state: { listener: listener(item) } })),
          ...warming.map((item) => ({ name: item.message.name, warming_state: { listener: listener(item) } })),
        ],
      },
      {
        '@type': `${dumpType}RoutesConfigDump`,
        dynamic_route_configs: config.routeMessages().map((message) => ({ route_config: readable(RouteConfigurationSchema, message) })),
      },
      dumpSecrets(secrets),
      {
        '@type': `${dumpType}EndpointsConfigDump`,
        dynamic_endpoint_configs: clusters.assignments().map((message) => ({ endpoint_config: readable(ClusterLoadAssignmentSchema, message) })),
      },
    ],
  };
}

function dumpSecrets(secrets: SecretStore): JsonValue {
  const entry = ({ name, secret }: KnownSecret): JsonValue => ({ name, secret: { name, ...dumpSecret(secret) } });
  const known = secrets.all();
  return {
    '@type': `${dumpType}SecretsConfigDump`,
    static_secrets: known.filter(({ from }) => from === 'bootstrap').map(entry),
    dynamic_active_secrets: known.filter(({ from }) => from !== 'bootstrap').map(entry),
  };
}

/** Certificates are for everybody to see; of a key only that there is one. */
function dumpSecret(secret: KnownSecret['secret']): Readonly<Record<string, JsonValue>> {
  const bytes = (pem: string): JsonValue => ({ inline_bytes: Buffer.from(pem).toString('base64') });
  if (secret.kind === 'certificate') {
    const pair = secret.read();
    return { tls_certificate: { certificate_chain: bytes(pair.ok ? pair.value.chain : ''), private_key: { inline_bytes: redacted } } };
  }
  const roots = secret.validation.trustedCa === undefined ? undefined : readPem(secret.validation.trustedCa);
  return { validation_context: roots?.ok === true ? { trusted_ca: bytes(roots.value) } : {} };
}

/** One message; where something in it has no JSON form, only its name and the reason. */
export function readable<Schema extends DescMessage>(schema: Schema, message: MessageShape<Schema>): JsonValue {
  try {
    return redact(toJson(schema, message, { registry: extensions, useProtoFieldName: true }), 'nothing');
  } catch (error) {
    return { '@type': `type.googleapis.com/${schema.typeName}`, error: error instanceof Error ? error.message : String(error) };
  }
}

const inlineFields: ReadonlySet<string> = new Set(['inline_string', 'inline_bytes']);

function redact(value: JsonValue, within: 'secret' | 'key set' | 'nothing'): JsonValue {
  if (Array.isArray(value)) return value.map((item) => redact(item, within));
  if (typeof value !== 'object' || value === null) return value;
  const out: Record<string, JsonValue> = {};
  for (const [name, child] of Object.entries(value)) {
    const isSecret = secretFields.has(name) || (within === 'secret' && inlineFields.has(name));
    if (typeof child === 'string') out[name] = isSecret ? redacted : within === 'key set' && inlineFields.has(name) ? shownKeySet(child) : child;
    else out[name] = redact(child, within === 'secret' || isSecret ? 'secret' : name === keySetField ? 'key set' : 'nothing');
  }
  return out;
}
