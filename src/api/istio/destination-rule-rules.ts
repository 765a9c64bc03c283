// What Istio demands of a DestinationRule beyond its schema, as its webhook does: a resource that breaks a rule is refused. Source: Istio,
// ValidateDestinationRule. Takes a spec that fits the schema; paths are those of the resource.
import { isIP } from 'node:net';
import { type Finding, invalid, type Path } from '#api/finding.ts';
import type { DestinationRuleSpec, TrafficPolicy } from '#api/istio/destination-rule.ts';
import { checkLoadBalancer } from '#api/istio/destination-rule-balancing-rules.ts';

type PortPolicy = Omit<NonNullable<TrafficPolicy['portLevelSettings']>[number], 'port'>;

const dnsLabel = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const fqdn = /^[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?)*\.?$/i;

/** All broken rules, in the order of the fields. */
export function checkDestinationRule({ spec }: { readonly spec: DestinationRuleSpec }): readonly Finding[] {
  const { trafficPolicy, subsets = [], exportTo = [], workloadSelector } = spec;
  return [
    ...checkPolicy(trafficPolicy, ['spec', 'trafficPolicy']),
    ...subsets.flatMap(({ name, trafficPolicy: policy }, index) => [
      ...(dnsLabel.test(name) ? [] : [invalid(['spec', 'subsets', index, 'name'], 'value', `${name} is no name for a subset`, nameHint)]),
      ...checkPolicy(policy, ['spec', 'subsets', index, 'trafficPolicy']),
    ]),
    ...checkExportTo(exportTo, workloadSelector !== undefined),
  ];
}

const nameHint = 'use lower-case letters, digits and "-", at most 63 long';

function checkExportTo(exportTo: readonly string[], chooses: boolean): readonly Finding[] {
  const path = ['spec', 'exportTo'];
  if (chooses && exportTo.some((entry) => entry !== '.')) {
    return [invalid(path, 'value', 'a rule with a workloadSelector is for its own namespace only', 'write exportTo: ["."], or leave it out')];
  }
  const all = exportTo.findIndex((entry) => entry === '*' || entry === '~');
  if (all >= 0 && exportTo.length > 1) return [invalid([...path, all], 'value', `${exportTo[all] ?? ''} must stand alone`)];
  return exportTo.flatMap((entry, index) =>
    ['.', '*', '~'].includes(entry) || dnsLabel.test(entry) ? [] : [invalid([...path, index], 'value', `${entry} is no namespace`)],
  );
}

function checkPolicy(policy: TrafficPolicy | undefined, path: Path): readonly Finding[] {
  if (policy === undefined) return [];
  const { portLevelSettings = [], tunnel, proxyProtocol } = policy;
  if (Object.keys(policy).length === 0) return [invalid(path, 'key', 'the traffic policy says nothing', 'add a field, or leave it out')];
  if (tunnel !== undefined && proxyProtocol !== undefined) {
    return [invalid([...path, 'proxyProtocol'], 'key', 'tunnel and proxyProtocol cannot stand together', 'keep one of them')];
  }
  return [
    ...checkParts(policy, path),
    ...portLevelSettings.flatMap((settings, index) => checkPortPolicy(settings, [...path, 'portLevelSettings', index])),
    ...checkTunnel(tunnel, [...path, 'tunnel']),
  ];
}

function checkPortPolicy({ port, ...policy }: NonNullable<TrafficPolicy['portLevelSettings']>[number], path: Path): readonly Finding[] {
  if (port?.number === undefined) return [invalid([...path, 'port'], 'key', 'the settings do not say for which port they are', 'add port.number')];
  if (Object.keys(policy).length === 0) return [invalid(path, 'key', `the settings for port ${port.number} say nothing`, 'add a field')];
  return checkParts(policy, path);
}

function checkParts({ loadBalancer, connectionPool, outlierDetection, tls }: PortPolicy, path: Path): readonly Finding[] {
  return [
    ...checkLoadBalancer(loadBalancer, [...path, 'loadBalancer']),
    ...checkConnectionPool(connectionPool, [...path, 'connectionPool']),
    ...checkOutlierDetection(outlierDetection, [...path, 'outlierDetection']),
    ...checkTls(tls, [...path, 'tls']),
  ];
}

function checkConnectionPool(pool: TrafficPolicy['connectionPool'], path: Path): readonly Finding[] {
  if (pool === undefined) return [];
  const { tcp, http } = pool;
  if (tcp === undefined && http === undefined) return [invalid(path, 'key', 'the connection pool says nothing', 'add tcp or http')];
  const both = http?.h2UpgradePolicy === 'UPGRADE' && http.useClientProtocol === true;
  const keepalive = http?.http2KeepAlive;
  const missing = keepalive === undefined ? [] : (['interval', 'timeout'] as const).filter((field) => keepalive[field] === undefined);
  return [
    ...(both ? [invalid([...path, 'http', 'useClientProtocol'], 'value', 'useClientProtocol and h2UpgradePolicy UPGRADE exclude each other')] : []),
    ...missing.map((field) => invalid([...path, 'http', 'http2KeepAlive'], 'key', `http2KeepAlive needs ${field}`, `add ${field}, such as 30s`)),
  ];
}

function checkOutlierDetection(outlier: TrafficPolicy['outlierDetection'], path: Path): readonly Finding[] {
  if (outlier?.splitExternalLocalOriginErrors === true || (outlier?.consecutiveLocalOriginFailures ?? 0) === 0) return [];
  const hint = 'add splitExternalLocalOriginErrors: true';
  return [invalid([...path, 'consecutiveLocalOriginFailures'], 'key', 'failures of local origin are not counted apart from others', hint)];
}

function checkTls(tls: TrafficPolicy['tls'], path: Path): readonly Finding[] {
  if (tls === undefined) return [];
  const { mode, credentialName = '', clientCertificate = '', privateKey = '', caCertificates = '', caCrl = '', subjectAltNames } = tls;
  const own = mode === 'SIMPLE' || mode === 'MUTUAL';
  const verifies = caCertificates !== '' || subjectAltNames !== undefined || (mode === 'SIMPLE' && credentialName !== '');
  const found: Finding[] = [];
  if (tls.insecureSkipVerify === true && own && verifies) {
    found.push(invalid([...path, 'insecureSkipVerify'], 'value', 'what the server shows cannot be both verified and not', 'remove one of them'));
  }
  if (own && credentialName !== '') {
    const files = [clientCertificate, privateKey, caCertificates, caCrl].some((file) => file !== '');
    if (files) found.push(invalid([...path, 'credentialName'], 'key', 'credentialName takes the place of certificate files', 'keep one of them'));
    return found;
  }
  if (mode !== 'MUTUAL') return found;
  const missing = Object.entries({ clientCertificate, privateKey }).filter(([, file]) => file === '');
  return [...found, ...missing.map(([field]) => invalid(path, 'key', `mutual TLS needs ${field}`, 'name a file, or give a credentialName'))];
}

function checkTunnel(tunnel: TrafficPolicy['tunnel'], path: Path): readonly Finding[] {
  if (tunnel === undefined) return [];
  const { protocol = '', targetHost } = tunnel;
  const known = ['', 'CONNECT', 'POST'].includes(protocol);
  const hasTarget = fqdn.test(targetHost) || isIP(targetHost) !== 0;
  return [
    ...(known ? [] : [invalid([...path, 'protocol'], 'value', `the tunnel's protocol is CONNECT or POST, not ${protocol}`)]),
    ...(hasTarget ? [] : [invalid([...path, 'targetHost'], 'value', `${targetHost} is neither a host name nor an address`)]),
  ];
}
