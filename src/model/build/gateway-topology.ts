// In: a ProxyConfig as MeshConfig (defaultConfig) or a Pod's annotation has it. Out: what it says of the proxies in front of gateways.
import { annotatedProxyConfig, idleMessage, proxyConfigAnnotation, proxyConfigWithoutEffect } from '#api/istio/written-proxy-config.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { isObject } from '#base/object.ts';
import { formatOrigin } from '#base/origin.ts';
import { annotatedTraffic } from '#model/build/proxy-traffic.ts';
import type { GatewayTopology } from '#model/gateway-topology.ts';
import type { Workload } from '#model/workload.ts';

export type TopologyProblem = { readonly field: string; readonly message: string };

/** Where it stands in MeshConfig. */
const at = 'defaultConfig.gatewayTopology';
const annotation = proxyConfigAnnotation;

const certificateModes = ['SANITIZE', 'FORWARD_ONLY', 'APPEND_FORWARD', 'SANITIZE_SET', 'ALWAYS_FORWARD_ONLY'] as const;

/** Undefined where nothing is said. A value that makes no sense is a problem and counts as not there. */
export function readGatewayTopology(proxyConfig: unknown, problems: TopologyProblem[]): GatewayTopology | undefined {
  const written = isObject(proxyConfig) ? proxyConfig['gatewayTopology'] : undefined;
  if (!isObject(written)) return undefined;
  const { numTrustedProxies, forwardClientCertDetails, proxyProtocol } = written;
  return {
    ...trustedProxies(numTrustedProxies, problems),
    ...certificateMode(forwardClientCertDetails, problems),
    ...(isObject(proxyProtocol) && { proxyProtocol: true as const }),
  };
}

/** A Pod's own, from its annotation; undefined where it has none, or one that is no YAML. */
export function annotatedTopology(annotations: Readonly<Record<string, string>>, problems: TopologyProblem[] = []): GatewayTopology | undefined {
  const config = annotatedProxyConfig(annotations);
  if (config.ok) return readGatewayTopology(config.value, problems);
  problems.push({ field: annotation, message: `cannot be read: ${config.error}` });
  return undefined;
}

/** What is wrong with the annotations of workloads, or without effect in them, once for all replicas: nothing is dropped in silence. */
export function annotationDiagnostics(workloads: Iterable<Workload>): readonly Diagnostic[] {
  const found = new Map<string, Diagnostic>();
  for (const { annotations, origin } of workloads) {
    const problems: TopologyProblem[] = [];
    annotatedTopology(annotations, problems);
    annotatedTraffic(annotations, problems);
    const config = annotatedProxyConfig(annotations);
    for (const idle of config.ok ? proxyConfigWithoutEffect(config.value) : []) {
      found.set(`${formatOrigin(origin)} ${idle.field}`, {
        code: 'HDL0012',
        severity: 'warning',
        ...idleMessage(`annotation ${annotation}: ${idle.field}`, idle),
        at: origin,
      });
    }
    for (const { field, message } of problems) {
      const place = field === annotation ? annotation : `${annotation}: ${field.replace('defaultConfig.', '')}`;
      found.set(`${formatOrigin(origin)} ${place}`, {
        code: 'HDL0011',
        severity: 'error',
        message: `annotation ${place} ${message}`,
        hint: 'it counts as not there: what the MeshConfig says is in force',
        at: origin,
      });
    }
  }
  return [...found.values()];
}

function trustedProxies(value: unknown, problems: TopologyProblem[]): Pick<GatewayTopology, 'numTrustedProxies'> {
  if (value === undefined) return {};
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return { numTrustedProxies: value };
  problems.push({ field: `${at}.numTrustedProxies`, message: 'must be a whole number from 0 on' });
  return {};
}

function certificateMode(value: unknown, problems: TopologyProblem[]): Pick<GatewayTopology, 'forwardClientCert'> {
  const known = certificateModes.find((mode) => mode === value);
  if (known !== undefined) return { forwardClientCert: known };
  if (value !== undefined && value !== 'UNDEFINED') {
    problems.push({ field: `${at}.forwardClientCertDetails`, message: `'${String(value)}' is none of ${certificateModes.join(', ')}` });
  }
  return {};
}
