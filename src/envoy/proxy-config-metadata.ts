// What a node's metadata (PROXY_CONFIG, the ProxyConfig that the proxy was started with) says of its bootstrap: how many connections it takes, and the
// switches of its runtime. Source: Istio, getNodeMetadataOptions and extractRuntimeFlags.
import { isObject } from '#base/object.ts';

type Metadata = Readonly<Record<string, unknown>> | undefined;

/** By these, too, the limit is said: the older ways. */
const limitMetadata = 'ISTIO_META_GLOBAL_DOWNSTREAM_MAX_CONNECTIONS';
const limitRuntimeKey = 'overload.global_downstream_max_connections';

/** Connections of all listeners together; undefined: no limit. What is no number above zero counts as not there. */
export function connectionLimitOf(metadata: Metadata): number | undefined {
  const { connectionSettings, proxyMetadata, runtimeValues } = proxyConfigOf(metadata);
  const said = [
    field(connectionSettings, 'globalDownstreamConnectionLimit'),
    field(proxyMetadata, limitMetadata),
    field(runtimeValues, limitRuntimeKey),
  ];
  return said.map(Number).find((limit) => Number.isInteger(limit) && limit > 0);
}

/** Switches of Envoy's runtime over what `usual` has; an empty value takes one of these away. */
export function runtimeFlagsOf(metadata: Metadata, usual: Readonly<Record<string, number>>): Readonly<Record<string, string | number | boolean>> {
  const flags = new Map<string, string | number | boolean>(Object.entries(usual));
  for (const [name, value] of Object.entries(asObject(proxyConfigOf(metadata).runtimeValues))) {
    const text = String(value);
    if (text === '') flags.delete(name);
    // Istio's API knows texts alone, and Envoy takes no text for a switch.
    else flags.set(name, text === 'true' || (text === 'false' ? false : text));
  }
  return Object.fromEntries(flags);
}

type ProxyConfigFields = { readonly connectionSettings?: unknown; readonly proxyMetadata?: unknown; readonly runtimeValues?: unknown };

function proxyConfigOf(metadata: Metadata): ProxyConfigFields {
  return asObject(metadata?.['PROXY_CONFIG']);
}

function field(value: unknown, name: string): unknown {
  return asObject(value)[name];
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}
