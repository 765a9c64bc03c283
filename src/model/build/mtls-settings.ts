// The part of MeshConfig that is about identities and TLS: trust domains, whether mutual TLS is begun unasked, and the limits of TLS.
import type { MeshSettings, TlsLimits } from '#model/mesh.ts';

type Problem = { readonly field: string; readonly message: string };
type MtlsSettings = Pick<MeshSettings, 'trustDomain' | 'trustDomainAliases' | 'autoMtls' | 'meshTls' | 'tlsDefaults'>;
type Config = Readonly<Record<string, unknown>>;

/** The fields of MeshConfig that are read in here. */
export const mtlsFields: readonly string[] = ['trustDomain', 'trustDomainAliases', 'enableAutoMtls', 'meshMTLS', 'tlsDefaults'];

const defaultTrustDomain = 'cluster.local';
const trustDomainName = /^[a-z0-9]([-._a-z0-9]*[a-z0-9])?$/;

/** Istio's defaults for what is not there, or makes no sense. */
export function readMtlsSettings(config: Config, problems: Problem[]): MtlsSettings {
  const meshTls = readLimits('meshMTLS', config, problems);
  const tlsDefaults = readLimits('tlsDefaults', config, problems);
  return {
    trustDomain: readTrustDomain(config['trustDomain'], 'trustDomain', problems) ?? defaultTrustDomain,
    trustDomainAliases: readAliases(config['trustDomainAliases'], problems),
    autoMtls: readAutoMtls(config['enableAutoMtls'], problems),
    ...(meshTls !== undefined && { meshTls }),
    ...(tlsDefaults !== undefined && { tlsDefaults }),
  };
}

/** Source: SPIFFE-ID section 2.1: lower case letters, digits, dots, dashes and underscores. */
function readTrustDomain(value: unknown, field: string, problems: Problem[]): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string' && value.length <= 255 && trustDomainName.test(value)) return value;
  problems.push({ field, message: `'${String(value)}' is no trust domain: lower case letters, digits, dots, dashes and underscores` });
  return undefined;
}

function readAliases(value: unknown, problems: Problem[]): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) {
    problems.push({ field: 'trustDomainAliases', message: 'must be a list of trust domains' });
    return [];
  }
  return [...new Set(value.flatMap((alias: unknown, index) => readTrustDomain(alias, `trustDomainAliases[${index}]`, problems) ?? []))];
}

function readAutoMtls(value: unknown, problems: Problem[]): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value !== 'boolean') problems.push({ field: 'enableAutoMtls', message: 'must be true or false' });
  return value !== false;
}

const versions: Readonly<Record<string, TlsLimits['minVersion']>> = { TLS_AUTO: undefined, TLSV1_2: '1.2', TLSV1_3: '1.3' };

/** meshMTLS knows no ECDH curves in Istio; here both blocks have all fields. */
function readLimits(field: string, config: Config, problems: Problem[]): TlsLimits | undefined {
  const value = config[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object') {
    problems.push({ field, message: 'must be a map of settings' });
    return undefined;
  }
  const { minProtocolVersion = 'TLS_AUTO', cipherSuites, ecdhCurves, ...others } = value as Config; // any object, read field by field below
  for (const name of Object.keys(others)) problems.push({ field: `${field}.${name}`, message: 'is not a field of it' });
  if (typeof minProtocolVersion !== 'string' || !(minProtocolVersion in versions))
    problems.push({ field: `${field}.minProtocolVersion`, message: `'${String(minProtocolVersion)}' is none of TLS_AUTO, TLSV1_2, TLSV1_3` });
  const minVersion = typeof minProtocolVersion === 'string' ? versions[minProtocolVersion] : undefined;
  const suites = readNames(cipherSuites, `${field}.cipherSuites`, problems);
  const curves = readNames(ecdhCurves, `${field}.ecdhCurves`, problems);
  return {
    ...(minVersion !== undefined && { minVersion }),
    ...(suites !== undefined && { cipherSuites: suites }),
    ...(curves !== undefined && { ecdhCurves: curves }),
  };
}

function readNames(value: unknown, field: string, problems: Problem[]): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value.length > 0 ? value : undefined;
  problems.push({ field, message: 'must be a list of names' });
  return undefined;
}
