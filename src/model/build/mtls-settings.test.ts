import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMtlsSettings } from '#model/build/mtls-settings.ts';

function read(config: Readonly<Record<string, unknown>>) {
  const problems: { readonly field: string; readonly message: string }[] = [];
  return { settings: readMtlsSettings(config, problems), problems: problems.map(({ field }) => field) };
}

test('without a word all is as in Istio', () => {
  assert.deepEqual(read({}), { settings: { trustDomain: 'cluster.local', trustDomainAliases: [], autoMtls: true }, problems: [] });
});

test('trust domains, automatic mutual TLS and limits are read', () => {
  const config = {
    trustDomain: 'td1',
    trustDomainAliases: ['td2', 'td3', 'td2'],
    enableAutoMtls: false,
    meshMTLS: { minProtocolVersion: 'TLSV1_3', cipherSuites: ['ECDHE-ECDSA-AES256-GCM-SHA384'] },
    tlsDefaults: { ecdhCurves: ['P-256'] },
  };
  assert.deepEqual(read(config), {
    settings: {
      trustDomain: 'td1',
      trustDomainAliases: ['td2', 'td3'],
      autoMtls: false,
      meshTls: { minVersion: '1.3', cipherSuites: ['ECDHE-ECDSA-AES256-GCM-SHA384'] },
      tlsDefaults: { ecdhCurves: ['P-256'] },
    },
    problems: [],
  });
});

test('what makes no sense keeps its default and is a problem', () => {
  const { settings, problems } = read({
    trustDomain: 'No Domain',
    trustDomainAliases: 'td2',
    enableAutoMtls: 'yes',
    meshMTLS: { minProtocolVersion: 'TLSV1_0', more: 1 },
    tlsDefaults: 'all',
  });
  assert.deepEqual(settings, { trustDomain: 'cluster.local', trustDomainAliases: [], autoMtls: true, meshTls: {} });
  assert.deepEqual(problems, ['meshMTLS.more', 'meshMTLS.minProtocolVersion', 'tlsDefaults', 'trustDomain', 'trustDomainAliases', 'enableAutoMtls']);
});
