// What a proxy's command line says about where its configuration comes from: an Envoy bootstrap, or an xDS server and who the proxy is there. Whatever
// is rarely asked for is loaded where it is.
import { readFile } from 'node:fs/promises';
import { fromJson, type JsonObject, type JsonValue } from '@bufbuild/protobuf';
import { nodePeer } from '#app/node-peer.ts';
import type { ProxySource } from '#app/proxy.ts';
import { isObject } from '#base/object.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { type Node, NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';

export type ProxySourceOptions = {
  /** Either a bootstrap file, or an xDS server and who we are. */
  readonly bootstrapFile?: string | undefined;
  readonly xds?: string | undefined;
  readonly nodeId?: string | undefined;
  /** Node metadata as a JSON object. */
  readonly metadata?: string | undefined;
  /** A file with the WorkloadGroup that this proxy registers itself in. */
  readonly workloadGroupFile?: string | undefined;
  /** The token that says who this proxy is, and the roots of the control plane's certificate: both, or none. */
  readonly tokenFile?: string | undefined;
  readonly rootsFile?: string | undefined;
  /** Where WORKLOAD_RSA_KEY_SIZE may ask for an RSA key. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
};

/** The error is one line for each problem. `warn` gets what a user must read all the same. */
export async function readSource(options: ProxySourceOptions, warn: (line: string) => void): Promise<Result<ProxySource, readonly string[]>> {
  const { bootstrapFile, xds, nodeId, tokenFile, rootsFile } = options;
  if ((bootstrapFile === undefined) === (xds === undefined)) return failed(['give either -c BOOTSTRAP or --xds HOST:PORT']);
  if (bootstrapFile !== undefined) {
    const others = tokenFile ?? rootsFile ?? options.workloadGroupFile;
    return others === undefined ? readBootstrapFile(bootstrapFile) : failed(['--token-file, --ca-roots and --workload-group go with --xds']);
  }
  if (xds === undefined || nodeId === undefined || nodeId === '') return failed(['--xds needs --node ID']);
  const group = options.workloadGroupFile === undefined ? ok({}) : await readGroup(options.workloadGroupFile);
  if (!group.ok) return failed([group.error]);
  const node = readNode(nodeId, options.metadata ?? '{}', group.value);
  if (!node.ok) return failed([node.error]);
  if (tokenFile !== undefined && rootsFile !== undefined) {
    const { readKeyType } = await import('#ca/client/csr.ts');
    const keyType = readKeyType(options.environment ?? {});
    if (!keyType.ok) warn(`${keyType.error}: the key is ECDSA`);
    const workloadName = nodePeer(node.value.metadata);
    const secure = { tokenFile, rootsFile, ...(keyType.ok && { keyType: keyType.value }), ...(workloadName !== undefined && { workloadName }) };
    return ok({ kind: 'xds', target: xds, node: node.value, secure });
  }
  if (tokenFile !== undefined) return failed(['--token-file needs --ca-roots FILE: the roots that the control plane must be vouched for by']);
  if (rootsFile !== undefined) return failed(['--ca-roots needs --token-file FILE: what says who this proxy is']);
  node.value.metadata = { ...node.value.metadata, HEDDLE_IDENTITY: 'none' };
  warn('no --token-file: this proxy has no identity, so it takes and calls nothing by mutual TLS');
  return ok({ kind: 'xds', target: xds, node: node.value });
}

/** What reads bootstraps is loaded where there is one. */
async function readBootstrapFile(file: string): Promise<Result<ProxySource, readonly string[]>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    return failed([error instanceof Error ? error.message : String(error)]);
  }
  const { parseBootstrap } = await import('#proxy/bootstrap-text.ts');
  const { readBootstrap } = await import('#proxy/bootstrap.ts');
  const message = await parseBootstrap(text, file);
  if (!message.ok) return failed([message.error]);
  const bootstrap = readBootstrap(message.value);
  return bootstrap.ok ? ok({ kind: 'bootstrap', bootstrap: bootstrap.value }) : failed(bootstrap.error.map((error) => `${file}: ${error}`));
}

async function readGroup(file: string): Promise<Result<JsonObject, string>> {
  const { groupMetadata } = await import('#app/workload-group-node.ts');
  return groupMetadata(file);
}

/** What is written in `metadata` counts before what the group says. */
function readNode(id: string, metadata: string, group: JsonObject): Result<Node, string> {
  try {
    // JSON.parse returns any; whatever it gives is JSON.
    const written = JSON.parse(metadata) as JsonValue;
    const value = isObject(written) ? { ...group, ...written } : written;
    // Istio's node ids end in the DNS domain; the cluster Envoy's --service-cluster would name is not needed.
    return ok(fromJson(NodeSchema, { id, metadata: value, user_agent_name: 'heddle' }));
  } catch (error) {
    return failed(`--metadata must be a JSON object: ${error instanceof Error ? error.message : String(error)}`);
  }
}
