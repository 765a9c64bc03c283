// In: the ConfigMap `istio` of the root namespace, whose key `mesh` is Istio's MeshConfig. Out: the settings Heddle acts on, with Istio's
// defaults; and a warning for each setting that is there without effect.

import { parse } from 'yaml';
import { type IdleField, idleMessage, proxyConfigWithoutEffect } from '#api/istio/written-proxy-config.ts';
import type { KindMap } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { parseDurationMs } from '#base/duration.ts';
import { isObject } from '#base/object.ts';
import type { Origin } from '#base/origin.ts';
import { clusterFields, readClusterSettings } from '#model/build/cluster-settings.ts';
import { exportToFields, readDefaultExportTo } from '#model/build/default-export-to.ts';
import { readDefaultMetrics } from '#model/build/default-metrics.ts';
import { readDefaultRetries, retryFields } from '#model/build/default-retries.ts';
import { readDiscoverySelectors } from '#model/build/discovery-selectors.ts';
import { readExtensionProviders } from '#model/build/extension-providers.ts';
import { readGatewayTopology } from '#model/build/gateway-topology.ts';
import { idleSetting } from '#model/build/idle-settings.ts';
import { ingressFields, readIngressSettings } from '#model/build/ingress-settings.ts';
import { listenerFields, readListenerSettings } from '#model/build/listener-settings.ts';
import { readMeshNetworks } from '#model/build/mesh-networks.ts';
import { mtlsFields, readMtlsSettings } from '#model/build/mtls-settings.ts';
import type { AccessLogSettings, MeshSettings, PathNormalization } from '#model/mesh.ts';
import { istioMetrics } from '#model/metrics-plan.ts';
import { readProxyTraffic } from '#model/written-proxy-traffic.ts';

export type SettingsResult = { readonly settings: MeshSettings; readonly diagnostics: readonly Diagnostic[] };

/** Where the ConfigMap is, and the root namespace unless that says otherwise. */
export const systemNamespace = 'istio-system';

/** Istio's defaults, except that requests are logged to standard output (as its demo profile does), and metrics reported (as its charts set it). */
export const defaultSettings: MeshSettings = {
  domain: 'cluster.local',
  trustDomain: 'cluster.local',
  trustDomainAliases: [],
  autoMtls: true,
  externalAuthorizers: new Map(),
  rootNamespace: systemNamespace,
  outboundTrafficPolicy: 'ALLOW_ANY',
  connectTimeoutMs: 10_000,
  accessLog: { path: '/dev/stdout', encoding: 'text' },
  metrics: istioMetrics,
};

type Problem = { readonly field: string; readonly message: string };

/** Without the ConfigMap: the defaults. A value that makes no sense keeps its default and is an error. */
export function readMeshSettings(configMap: KindMap['ConfigMap'] | undefined): SettingsResult {
  if (configMap === undefined) return { settings: defaultSettings, diagnostics: [] };
  const { settings, diagnostics } = readMesh(configMap);
  const { plan, diagnostics: ofNetworks } = readMeshNetworks(configMap);
  return { settings: plan === undefined ? settings : { ...settings, networkPlan: plan }, diagnostics: [...diagnostics, ...ofNetworks] };
}

function readMesh(configMap: KindMap['ConfigMap']): SettingsResult {
  const text = configMap.data?.['mesh'];
  if (text === undefined) return { settings: defaultSettings, diagnostics: [] };
  const at = configMap.origins.at(['data', 'mesh']);
  let config: unknown;
  try {
    config = parse(text);
  } catch (error) {
    return { settings: defaultSettings, diagnostics: [notRead(at, error instanceof Error ? error.message : String(error))] };
  }
  if (config === null) return { settings: defaultSettings, diagnostics: [] };
  if (!isObject(config)) return { settings: defaultSettings, diagnostics: [notRead(at, 'it is not a map of settings')] };
  return applyConfig(config, at);
}

function applyConfig(config: Readonly<Record<string, unknown>>, at: Origin): SettingsResult {
  const problems: Problem[] = [];
  const { outboundTrafficPolicy, connectTimeout, accessLogFile, accessLogFormat, accessLogEncoding, ...others } = config;
  const gatewayTopology = readGatewayTopology(config['defaultConfig'], problems);
  const proxyTraffic = readProxyTraffic(config['defaultConfig'], problems);
  const { accessLog: _logged, metrics: _reported, ...defaults } = defaultSettings;
  const settings: MeshSettings = {
    ...defaults,
    outboundTrafficPolicy: readPolicy(outboundTrafficPolicy, problems),
    connectTimeoutMs: readConnectTimeout(connectTimeout, problems),
    ...readAccessLog(accessLogFile, accessLogFormat, accessLogEncoding, problems),
    ...readDefaultMetrics(config['defaultProviders']),
    ...readRootNamespace(config['rootNamespace'], problems),
    ...readClusterSettings(config, at, problems),
    ...readDefaultExportTo(config, problems),
    ...readDiscoverySelectors(config, problems),
    ...readPathNormalization(config['pathNormalization'], problems),
    ...readDefaultRetries(config, problems),
    ...readMtlsSettings(config, problems),
    ...readExtensionProviders(config, at, problems),
    ...(listenerFields.some((field) => field in config) && { listeners: readListenerSettings(config, problems) }),
    ...(ingressFields.some((field) => field in config) && { ingress: readIngressSettings(config, problems) }),
    ...(gatewayTopology !== undefined && { gatewayTopology }),
    ...(proxyTraffic !== undefined && { proxyTraffic }),
  };
  // What Istio writes there by itself, and what Heddle is anyway.
  const known = [
    'rootNamespace',
    'discoverySelectors',
    'pathNormalization',
    'defaultConfig',
    'defaultProviders',
    // Merging is what is done; only that it is not wanted would change something.
    ...(config['enablePrometheusMerge'] === false ? [] : ['enablePrometheusMerge']),
    'extensionProviders',
  ];
  const expected = new Set<string>([
    ...known,
    ...ingressFields,
    ...exportToFields,
    ...retryFields,
    ...listenerFields,
    ...clusterFields,
    ...mtlsFields,
  ]);
  const unknown = [...Object.keys(others).filter((field) => !expected.has(field)), ...idleProviders(config['defaultProviders'])];
  const { defaultConfig } = config;
  const ofProxies = isObject(defaultConfig) ? proxyConfigWithoutEffect(defaultConfig) : [];
  const idle: readonly IdleField[] = [...unknown.map(idleSetting), ...ofProxies.map((one) => ({ ...one, field: `defaultConfig.${one.field}` }))];
  return {
    settings,
    diagnostics: [
      ...problems.map(({ field, message }): Diagnostic => ({ code: 'HDL0011', severity: 'error', message: `MeshConfig.${field} ${message}`, at })),
      ...idle.map((one): Diagnostic => ({ code: 'HDL0012', severity: 'warning', ...idleMessage(`MeshConfig.${one.field}`, one), at })),
    ],
  };
}

/** Defaults for traces and logs: those for metrics act. */
function idleProviders(value: unknown): readonly string[] {
  const fields = isObject(value) ? Object.keys(value) : [];
  return fields.filter((field) => field !== 'metrics').map((field) => `defaultProviders.${field}`);
}

function readPolicy(value: unknown, problems: Problem[]): MeshSettings['outboundTrafficPolicy'] {
  const mode = isObject(value) ? value['mode'] : undefined;
  if (value === undefined || mode === undefined || mode === 'ALLOW_ANY') return 'ALLOW_ANY';
  if (mode === 'REGISTRY_ONLY' || mode === 'ALLOW_ANY_DYNAMIC_DNS') return mode;
  problems.push({ field: 'outboundTrafficPolicy.mode', message: `'${String(mode)}' is none of ALLOW_ANY, ALLOW_ANY_DYNAMIC_DNS, REGISTRY_ONLY` });
  return 'ALLOW_ANY';
}

function readRootNamespace(value: unknown, problems: Problem[]): Pick<MeshSettings, 'rootNamespace'> | undefined {
  if (value === undefined || value === '') return undefined;
  if (typeof value === 'string' && /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(value)) return { rootNamespace: value };
  problems.push({ field: 'rootNamespace', message: 'must be the name of a namespace' });
  return undefined;
}

const pathNormalizations: readonly PathNormalization[] = ['NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'];

function readPathNormalization(value: unknown, problems: Problem[]): Pick<MeshSettings, 'pathNormalization'> {
  const written: unknown = isObject(value) ? value['normalization'] : undefined;
  if (value === undefined || written === undefined || written === 'DEFAULT') return {};
  const known = pathNormalizations.find((name) => name === written);
  if (known !== undefined) return { pathNormalization: known };
  problems.push({ field: 'pathNormalization.normalization', message: `'${String(written)}' is none of ${pathNormalizations.join(', ')}` });
  return {};
}

function readConnectTimeout(value: unknown, problems: Problem[]): number {
  if (value === undefined) return defaultSettings.connectTimeoutMs;
  const ms = typeof value === 'string' ? parseDurationMs(value) : undefined;
  if (ms !== undefined && ms > 0) return ms;
  problems.push({ field: 'connectTimeout', message: 'must be a duration above zero, such as 10s' });
  return defaultSettings.connectTimeoutMs;
}

/** An accessLogFile of '' switches logging off, as in Istio. */
function readAccessLog(file: unknown, format: unknown, encoding: unknown, problems: Problem[]): { readonly accessLog?: AccessLogSettings } {
  if (file === '') return {};
  if (file !== undefined && typeof file !== 'string') problems.push({ field: 'accessLogFile', message: 'must be a path' });
  if (encoding !== undefined && encoding !== 'TEXT' && encoding !== 'JSON')
    problems.push({ field: 'accessLogEncoding', message: 'is neither TEXT nor JSON' });
  const json = encoding === 'JSON';
  const custom = typeof format === 'string' && format !== '' ? format : undefined;
  if (json && custom !== undefined) problems.push({ field: 'accessLogFormat', message: 'for JSON is not supported: the default fields are logged' });
  const path = typeof file === 'string' ? file : '/dev/stdout';
  if (json) return { accessLog: { path, encoding: 'json' } };
  return { accessLog: custom === undefined ? { path, encoding: 'text' } : { path, encoding: 'text', format: custom } };
}

function notRead(at: Origin, reason: string): Diagnostic {
  return { code: 'HDL0011', severity: 'error', message: `the MeshConfig cannot be read: ${reason}`, hint: 'the defaults are in force', at };
}
