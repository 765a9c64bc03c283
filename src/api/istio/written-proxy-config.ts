// ProxyConfig as people write it into other things: MeshConfig.defaultConfig, and a Pod's annotation proxy.istio.io/config. In: a ConfigMap or
// annotations. Out: its fields as they stand, and which of them act.
import { parse } from 'yaml';
import { isObject } from '#base/object.ts';
import { failed, ok, type Result } from '#base/result.ts';

export type WrittenProxyConfig = Readonly<Record<string, unknown>>;

export const proxyConfigAnnotation = 'proxy.istio.io/config';

/** Of a Pod; undefined where it has none. The error is the parser's, in one line. */
export function annotatedProxyConfig(annotations: Readonly<Record<string, string>>): Result<WrittenProxyConfig | undefined, string> {
  const text = annotations[proxyConfigAnnotation];
  if (text === undefined) return ok(undefined);
  try {
    const config: unknown = parse(text);
    return ok(isObject(config) ? config : undefined);
  } catch (error) {
    return failed(error instanceof Error ? error.message.split('\n', 1).join('') : String(error));
  }
}

/** Of the mesh; undefined where it has none or the text is no YAML, which whoever reads MeshConfig says. */
export function meshProxyConfig(configMap: { readonly data?: Readonly<Record<string, string>> } | undefined): WrittenProxyConfig | undefined {
  try {
    const config: unknown = parse(configMap?.data?.['mesh'] ?? '');
    const written = isObject(config) ? config['defaultConfig'] : undefined;
    return isObject(written) ? written : undefined;
  } catch {
    return undefined;
  }
}

/** `gatewayTopology` shapes listeners of gateways, the others how the runtime starts a proxy. */
const acting: ReadonlySet<string> = new Set(['gatewayTopology', 'concurrency', 'proxyMetadata']);

/** The fields that are written and do nothing, in their order. */
export function proxyConfigWithoutEffect(config: WrittenProxyConfig | undefined): readonly string[] {
  return Object.keys(config ?? {}).filter((field) => !acting.has(field));
}

export type ProxyStart = { readonly concurrency?: number; readonly environment: Readonly<Record<string, string>> };

/** How a proxy is started: threads (0: all cores) and variables. What has another type says nothing. */
export function proxyStart(config: WrittenProxyConfig | undefined): ProxyStart {
  const { concurrency, proxyMetadata } = config ?? {};
  const variables = Object.entries(isObject(proxyMetadata) ? proxyMetadata : {}).flatMap(([name, value]) =>
    typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? [[name, String(value)] as const] : [],
  );
  const isCount = typeof concurrency === 'number' && Number.isInteger(concurrency) && concurrency >= 0;
  return { ...(isCount && { concurrency }), environment: Object.fromEntries(variables) };
}
