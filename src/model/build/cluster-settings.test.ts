import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readClusterSettings } from '#model/build/cluster-settings.ts';

const at = { file: 'mesh.yaml', line: 4, col: 3 };

test('what MeshConfig says about clusters', () => {
  const problems: { field: string; message: string }[] = [];
  const settings = readClusterSettings(
    {
      localityLbSetting: { failover: [{ from: 'a', to: 'b' }] },
      tcpKeepalive: { time: '90s', probes: 3 },
      h2UpgradePolicy: 'UPGRADE',
      dnsRefreshRate: '5s',
      defaultTrafficPolicy: { connectionPool: { tcp: { maxConnections: 9 } }, outlierDetection: { consecutive5xxErrors: 3 } },
    },
    at,
    problems,
  );
  assert.deepEqual(problems, []);
  const locality = { kind: 'locality', enabled: true, distribute: [], failover: [{ from: 'a', to: 'b' }], failoverPriority: [], origin: at };
  assert.deepEqual(settings, {
    localityBalancing: locality,
    tcpKeepalive: { probes: 3, timeSeconds: 90 },
    h2Upgrade: true,
    dnsRefreshMs: 5000,
    defaultTrafficPolicy: {
      connectionPool: { tcp: { maxConnections: 9 }, origin: at },
      outlierDetection: { consecutive5xx: 3, maxEjectionPercent: 0, minHealthPercent: 0, origin: at },
    },
  });
});

test('zone-aware balancing counts before the other setting', () => {
  const zoneAware = { enabled: false, minClusterSize: 4, failover: [{ from: 'a', to: 'b' }] };
  const { localityBalancing } = readClusterSettings({ zoneAwareLbSetting: zoneAware, localityLbSetting: { enabled: true } }, at, []);
  assert.deepEqual(localityBalancing, { kind: 'zone-aware', ...zoneAware, failoverPriority: [], origin: at });
});

test('nothing said: nothing but Istio’s defaults', () => {
  assert.deepEqual(readClusterSettings({ h2UpgradePolicy: 'DO_NOT_UPGRADE' }, at, []), {});
});

// Each wrong value is said with its field and left out; the rest counts.
const wrong: readonly (readonly [config: Record<string, unknown>, field: string])[] = [
  [{ localityLbSetting: { enabled: 'often' } }, 'localityLbSetting.enabled'],
  [{ tcpKeepalive: { time: 'soon' } }, 'tcpKeepalive.time'],
  [{ h2UpgradePolicy: 'PERHAPS' }, 'h2UpgradePolicy'],
  [{ dnsRefreshRate: '0s' }, 'dnsRefreshRate'],
  [{ defaultTrafficPolicy: { tls: {} } }, 'defaultTrafficPolicy.tls'],
];

for (const [config, field] of wrong) {
  test(`a value of ${field} that makes no sense is a problem`, () => {
    const problems: { field: string; message: string }[] = [];
    assert.deepEqual(readClusterSettings(config, at, problems), {});
    assert.deepEqual(
      problems.map((problem) => problem.field),
      [field],
    );
  });
}
