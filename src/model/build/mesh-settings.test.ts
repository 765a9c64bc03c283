import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultSettings, readMeshSettings, type SettingsResult } from '#model/build/mesh-settings.ts';

const place = { file: 'mesh.yaml', line: 4, col: 3 };

function settingsOf(mesh: string): SettingsResult {
  const metadata = { name: 'istio', namespace: 'istio-system', labels: {}, annotations: {} };
  return readMeshSettings({ apiVersion: 'v1', kind: 'ConfigMap', metadata, origins: { start: place, at: () => place }, data: { mesh } });
}

void test("without a ConfigMap, and with an empty one, Istio's defaults hold", () => {
  assert.deepEqual(readMeshSettings(undefined), { settings: defaultSettings, diagnostics: [] });
  assert.deepEqual(settingsOf('').settings, defaultSettings);
});

void test('what is set is read', () => {
  const { settings, diagnostics } = settingsOf(
    'outboundTrafficPolicy: { mode: REGISTRY_ONLY }\nconnectTimeout: 1.5s\naccessLogFile: /tmp/x\naccessLogFormat: "%DURATION%\\n"',
  );
  assert.deepEqual(diagnostics, []);
  assert.equal(settings.outboundTrafficPolicy, 'REGISTRY_ONLY');
  assert.equal(settings.connectTimeoutMs, 1500);
  assert.deepEqual(settings.accessLog, { path: '/tmp/x', encoding: 'text', format: '%DURATION%\n' });
});

void test('an empty accessLogFile switches logging off', () => {
  assert.equal(settingsOf('accessLogFile: ""').settings.accessLog, undefined);
});

void test('default retries are read as those of a rule', () => {
  const { settings, diagnostics } = settingsOf("defaultHttpRetryPolicy: { attempts: 4, retryOn: '5xx,503', backoff: 1s }");
  assert.deepEqual(settings.defaultRetries, { attempts: 4, retryOn: '5xx,503', backoffMs: 1000 });
  assert.deepEqual(diagnostics, []);
});

void test('retries towards the app are a policy of their own', () => {
  const { settings, diagnostics } = settingsOf('defaultInboundHttpRetryPolicy: { attempts: 0 }');
  assert.deepEqual(settings.inboundRetries, { attempts: 0 });
  assert.equal(settings.defaultRetries, undefined);
  assert.deepEqual(diagnostics, []);
});

void test('who sees rules that do not say it', () => {
  const { settings, diagnostics } = settingsOf('defaultVirtualServiceExportTo: [".", shop]\ndefaultDestinationRuleExportTo: ["*"]');
  assert.deepEqual(settings.defaultExportTo, { virtualService: ['.', 'shop'], destinationRule: ['*'] });
  assert.deepEqual(diagnostics, []);
});

// text, code, what the message says. Wrong values keep their default; settings without effect are said.
const findings: readonly (readonly [mesh: string, code: string, message: RegExp])[] = [
  ['outboundTrafficPolicy: { mode: NEVER }', 'HDL0011', /outboundTrafficPolicy\.mode 'NEVER'/],
  ['connectTimeout: soon', 'HDL0011', /connectTimeout must be a duration/],
  ['connectTimeout: 0s', 'HDL0011', /connectTimeout must be a duration above zero/],
  ['pathNormalization: { normalization: SOME }', 'HDL0011', /pathNormalization\.normalization 'SOME' is none of NONE, BASE/],
  ['accessLogEncoding: XML', 'HDL0011', /accessLogEncoding is neither/],
  ['accessLogEncoding: JSON\naccessLogFormat: "{}"', 'HDL0011', /accessLogFormat for JSON/],
  ['defaultVirtualServiceExportTo: everywhere', 'HDL0011', /defaultVirtualServiceExportTo must be a list/],
  ['defaultDestinationRuleExportTo: ["*", a]', 'HDL0011', /defaultDestinationRuleExportTo is wrong/],
  ['defaultHttpRetryPolicy: { attempts: many }', 'HDL0011', /defaultHttpRetryPolicy\.attempts is wrong/],
  ['defaultHttpRetryPolicy: { attempts: 1, retryOn: never }', 'HDL0011', /defaultHttpRetryPolicy\.retryOn is wrong/],
  ['certificates: []', 'HDL0012', /certificates has no effect$/],
  ['defaultProviders: { metrics: [prometheus], tracing: [x] }', 'HDL0012', /^MeshConfig\.defaultProviders\.tracing has no effect yet$/],
  ['enablePrometheusMerge: false', 'HDL0012', /^MeshConfig\.enablePrometheusMerge has no effect$/],
  ['defaultConfig: { concurrency: 2, tracing: {} }', 'HDL0012', /^MeshConfig\.defaultConfig\.tracing has no effect$/],
  ['rootNamespace: A_b', 'HDL0011', /rootNamespace must be the name of a namespace/],
  ['a: [', 'HDL0011', /cannot be read/],
  ['just text', 'HDL0011', /not a map/],
];

for (const [mesh, code, message] of findings) {
  void test(`said about ${mesh.split('\n').join(', ')}`, () => {
    const { settings, diagnostics } = settingsOf(mesh);
    assert.equal(diagnostics.length, 1);
    assert.equal(diagnostics[0]?.code, code);
    assert.match(diagnostics[0]?.message ?? '', message);
    assert.deepEqual(diagnostics[0]?.at, place);
    assert.equal(settings.connectTimeoutMs, defaultSettings.connectTimeoutMs);
  });
}

void test('settings that do nothing here, or nothing in Istio either, are said once each', () => {
  const idle = {
    serviceSettings: '[{ settings: { clusterLocal: true }, hosts: [a.example.com] }]',
    serviceScopeConfigs: '[]',
    serviceEntryVisibility: '{}',
    hboneIdleTimeout: '1m',
    inboundClusterStatName: '"%SERVICE%"',
    outboundClusterStatName: '"%SERVICE%"',
    caCertificates: '[]',
    configSources: '[]',
    ca: '{}',
    certificates: '[]',
    verifyCertificateAtClient: 'true',
  };
  const { diagnostics } = settingsOf(
    Object.entries(idle)
      .map(([name, value]) => `${name}: ${value}`)
      .join('\n'),
  );
  assert.deepEqual(
    diagnostics.map(({ code, message }) => `${code} ${message.replace(/ has no effect( yet)?$/, '')}`),
    Object.keys(idle).map((name) => `HDL0012 MeshConfig.${name}`),
  );
});
