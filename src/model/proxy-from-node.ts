// In: a node id and its metadata, as any xDS client sends them. Out: the Proxy that the compiler compiles for, or why it is refused.
// Everything that shapes a proxy's configuration is in here, so that the control plane needs no memory of it.
import { isIP } from 'node:net';
import { isObject } from '#base/object.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { Locality } from '#model/locality.ts';
import type { Interception, LoopbackPorts, Proxy } from '#model/proxy.ts';
import { readProxyTraffic } from '#model/written-proxy-traffic.ts';

/** A JSON object, as `google.protobuf.Struct` decodes to. */
export type NodeMetadata = Readonly<Record<string, unknown>>;

/**
 * Reads Istio's node id `type~ip~name.namespace~dnsDomain` and the metadata keys NAMESPACE, LABELS, INSTANCE_IPS, INTERCEPTION_MODE,
 * DNS_CAPTURE, PROXY_CONFIG, HEDDLE_LOOPBACK and HEDDLE_EXPLAIN_FAILURES. `locality`: the node's; an empty one says nothing. The error is one sentence for the
 * log and for the client.
 */
export function proxyFromNode(nodeId: string, metadata: NodeMetadata, locality?: Locality): Result<Proxy, string> {
  const parts = nodeId.split('~');
  const [type, address, workload, dnsDomain] = parts;
  if (parts.length !== 4 || address === undefined || workload === undefined || dnsDomain === undefined) {
    return failed(`node id '${nodeId}' is not of the form type~ip~name.namespace~dnsDomain`);
  }
  if (type !== 'sidecar' && type !== 'router') return failed(`node id '${nodeId}': type '${type}' is neither sidecar nor router`);
  const dot = workload.lastIndexOf('.');
  if (dot <= 0 || dot === workload.length - 1) return failed(`node id '${nodeId}': '${workload}' is not name.namespace`);
  const interception = readInterception(metadata);
  if (!interception.ok) return failed(`node '${nodeId}': ${interception.error}`);
  const namespace = textAt(metadata, 'NAMESPACE') ?? workload.slice(dot + 1);
  const serviceAccount = textAt(metadata, 'SERVICE_ACCOUNT');
  const instanceIps = textAt(metadata, 'INSTANCE_IPS')
    ?.split(',')
    .filter((ip) => ip !== '');
  return ok({
    type,
    name: workload.slice(0, dot),
    namespace,
    nodeId,
    addresses: instanceIps === undefined || instanceIps.length === 0 ? [address] : instanceIps,
    labels: readLabels(metadata['LABELS']),
    dnsDomain: dnsDomain === '' ? `${namespace}.svc.cluster.local` : dnsDomain,
    interception: interception.value,
    ...(locality !== undefined &&
      locality.region !== '' && { locality: { region: locality.region, zone: locality.zone, subZone: locality.subZone } }),
    ...(isTrue(metadata['DNS_CAPTURE']) && { capturesDns: true }),
    ...(serviceAccount !== undefined && { serviceAccount }),
    ...(metadata['HEDDLE_IDENTITY'] === 'none' && { withoutIdentity: true }),
    ...(metadata['HEDDLE_SECRETS'] === 'none' && { withoutSecrets: true }),
    ...readTraffic(metadata['PROXY_CONFIG']),
    explainFailures: isTrue(metadata['HEDDLE_EXPLAIN_FAILURES']),
    ...readTexts(metadata),
  });
}

function readInterception(metadata: NodeMetadata): Result<Interception, string> {
  const loopback = metadata['HEDDLE_LOOPBACK'];
  const mode = textAt(metadata, 'INTERCEPTION_MODE') ?? (loopback === undefined ? 'REDIRECT' : 'NONE');
  switch (mode) {
    case 'REDIRECT':
      if (loopback !== undefined) return failed('HEDDLE_LOOPBACK needs INTERCEPTION_MODE NONE');
      return ok({ kind: 'redirect' });
    case 'NONE': {
      if (loopback === undefined) return ok({ kind: 'bound' });
      const ports = readLoopbackPorts(loopback);
      return ports.ok ? ok({ kind: 'none', ...ports.value }) : ports;
    }
    default:
      return failed(`INTERCEPTION_MODE '${mode}' is not supported (REDIRECT, NONE)`);
  }
}

/** Checks HEDDLE_LOOPBACK field by field; the error names the field. */
export function readLoopbackPorts(value: unknown): Result<LoopbackPorts, string> {
  if (!isObject(value)) return failed('HEDDLE_LOOPBACK must be an object');
  const { address, inboundAddress, inbound = {}, outbound = {}, httpProxy } = value;
  if (typeof address !== 'string' || address === '') return failed('HEDDLE_LOOPBACK.address must be an IP address');
  if (inboundAddress !== undefined && (typeof inboundAddress !== 'string' || isIP(inboundAddress) === 0))
    return failed('HEDDLE_LOOPBACK.inboundAddress must be an IP address');
  if (!isObject(inbound)) return failed('HEDDLE_LOOPBACK.inbound must be an object from container port to ports');
  if (!isObject(outbound)) return failed('HEDDLE_LOOPBACK.outbound must be an object from host:port to a port');
  const readInbound: Record<string, { readonly listen: number; readonly app?: number }> = {};
  for (const [port, entry] of Object.entries(inbound)) {
    const where = `HEDDLE_LOOPBACK.inbound['${port}']`;
    if (!isPort(Number(port))) return failed(`${where}: the key must be a port number`);
    if (!isObject(entry) || !isPort(entry['listen'])) return failed(`${where}.listen must be a port number`);
    const app = entry['app'];
    if (app !== undefined && !isPort(app)) return failed(`${where}.app must be a port number`);
    readInbound[port] = app === undefined ? { listen: entry['listen'] } : { listen: entry['listen'], app };
  }
  const readOutbound: Record<string, number> = {};
  for (const [service, port] of Object.entries(outbound)) {
    if (!/^[^:]+:\d+$/.test(service)) return failed(`HEDDLE_LOOPBACK.outbound['${service}']: the key must be hostname:port`);
    if (!isPort(port)) return failed(`HEDDLE_LOOPBACK.outbound['${service}'] must be a port number`);
    readOutbound[service] = port;
  }
  if (httpProxy !== undefined && !isPort(httpProxy)) return failed('HEDDLE_LOOPBACK.httpProxy must be a port number');
  const ports = { address, ...(inboundAddress !== undefined && { inboundAddress }), inbound: readInbound, outbound: readOutbound };
  return ok(httpProxy === undefined ? ports : { ...ports, httpProxy });
}

/** What makes no sense in it counts as not there. */
function readTraffic(config: unknown): Pick<Proxy, 'traffic'> {
  const traffic = readProxyTraffic(config, []);
  return traffic === undefined ? {} : { traffic };
}

/** What is said in text, but for what has a field of its own. */
function readTexts(metadata: NodeMetadata): Pick<Proxy, 'metadata'> {
  const known = new Set(['NAMESPACE', 'INSTANCE_IPS', 'INTERCEPTION_MODE', 'HEDDLE_EXPLAIN_FAILURES']);
  const texts = Object.entries(metadata).flatMap(([key, value]) => (typeof value === 'string' && !known.has(key) ? [[key, value] as const] : []));
  return texts.length === 0 ? {} : { metadata: Object.fromEntries(texts) };
}

function readLabels(value: unknown): Readonly<Record<string, string>> {
  if (!isObject(value)) return {};
  return Object.fromEntries(Object.entries(value).flatMap(([key, label]) => (typeof label === 'string' ? [[key, label]] : [])));
}

function textAt(metadata: NodeMetadata, key: string): string | undefined {
  const value = metadata[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isTrue(value: unknown): boolean {
  return value === true || value === 'true';
}

function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65536;
}
