import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindRules } from '#api/kind-rules.ts';
import { kinds } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';
import { validate } from '#api/validate.ts';
import { formatPath } from '#base/origin.ts';

function broken(spec: object): readonly string[] {
  const body = { spec: { host: 'shop', ...spec } };
  assert.deepEqual(validate(kinds.DestinationRule.body, body), [], 'the rules are asked about bodies that fit the schema');
  return kindRules('DestinationRule', body).map(({ path, message }) => `${formatPath(path)}: ${message}`);
}

const policy = 'spec.trafficPolicy';
const locality = `${policy}.loadBalancer.localityLbSetting`;

function balanced(loadBalancer: object, more: object = {}): object {
  return { trafficPolicy: { loadBalancer, ...more } };
}

function local(localityLbSetting: object): object {
  return balanced({ localityLbSetting });
}

test('a DestinationRule that Istio takes', () => {
  const good: readonly object[] = [
    {},
    { exportTo: ['.'], workloadSelector: { matchLabels: { app: 'a' } } },
    { exportTo: ['*'] },
    { exportTo: ['one', '.', 'two'] },
    { subsets: [{ name: 'v1' }, { name: 'v-2', labels: { version: 'v2' }, trafficPolicy: { loadBalancer: {} } }] },
    balanced({
      consistentHash: { httpCookie: { name: 'a', attributes: [{ name: 'Secure' }, { name: 'SameSite' }] }, maglev: { tableSize: 65_537 } },
    }),
    balanced({ consistentHash: { httpHeaderName: 'x', minimumRingSize: 7 } }),
    local({
      distribute: [
        { from: 'r1/*', to: { 'r1/*': 60, r2: 40 } },
        { from: 'r2/z/*', to: { '*': 100 } },
      ],
    }),
    local({ failover: [{ from: 'r1', to: 'r2' }], failoverPriority: ['version'] }),
    { trafficPolicy: { outlierDetection: { splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 3 } } },
    { trafficPolicy: { tls: { mode: 'MUTUAL', credentialName: 'cert' } } },
    { trafficPolicy: { tunnel: { targetHost: 'proxy.example.com', targetPort: 8080, protocol: 'POST' } } },
    { trafficPolicy: { connectionPool: { http: { http2KeepAlive: { interval: '10s', timeout: '1s' } } } } },
  ];
  for (const spec of good) assert.deepEqual(broken(spec), [], JSON.stringify(spec));
});

// spec, what is wrong with it. Each breaks one rule of Istio's webhook.
const bad: readonly (readonly [object, string])[] = [
  [{ trafficPolicy: {} }, `${policy}: the traffic policy says nothing`],
  [{ trafficPolicy: { connectionPool: {} } }, `${policy}.connectionPool: the connection pool says nothing`],
  [{ subsets: [{ name: 'V_1' }] }, 'spec.subsets[0].name: V_1 is no name for a subset'],
  [{ exportTo: ['*', 'one'] }, 'spec.exportTo[0]: * must stand alone'],
  [{ exportTo: ['No'] }, 'spec.exportTo[0]: No is no namespace'],
  [{ exportTo: ['*'], workloadSelector: { matchLabels: { a: 'b' } } }, 'spec.exportTo: a rule with a workloadSelector is for its own namespace only'],
  [
    { trafficPolicy: { tunnel: { targetHost: 'a', targetPort: 1 }, proxyProtocol: { version: 'V1' } } },
    `${policy}.proxyProtocol: tunnel and proxyProtocol cannot stand together`,
  ],
  [{ trafficPolicy: { tunnel: { targetHost: 'a b', targetPort: 1 } } }, `${policy}.tunnel.targetHost: a b is neither a host name nor an address`],
  [
    { trafficPolicy: { tunnel: { targetHost: 'a', targetPort: 1, protocol: 'GET' } } },
    `${policy}.tunnel.protocol: the tunnel's protocol is CONNECT or POST, not GET`,
  ],
  [
    { trafficPolicy: { portLevelSettings: [{ loadBalancer: {} }] } },
    `${policy}.portLevelSettings[0].port: the settings do not say for which port they are`,
  ],
  [{ trafficPolicy: { portLevelSettings: [{ port: { number: 80 } }] } }, `${policy}.portLevelSettings[0]: the settings for port 80 say nothing`],
  [
    { trafficPolicy: { connectionPool: { http: { useClientProtocol: true, h2UpgradePolicy: 'UPGRADE' } } } },
    `${policy}.connectionPool.http.useClientProtocol: useClientProtocol and h2UpgradePolicy UPGRADE exclude each other`,
  ],
  [
    { trafficPolicy: { connectionPool: { http: { http2KeepAlive: { interval: '10s' } } } } },
    `${policy}.connectionPool.http.http2KeepAlive: http2KeepAlive needs timeout`,
  ],
  [
    { trafficPolicy: { outlierDetection: { consecutiveLocalOriginFailures: 3 } } },
    `${policy}.outlierDetection.consecutiveLocalOriginFailures: failures of local origin are not counted apart from others`,
  ],
  [{ trafficPolicy: { tls: { mode: 'MUTUAL', clientCertificate: '/a' } } }, `${policy}.tls: mutual TLS needs privateKey`],
  [
    { trafficPolicy: { tls: { mode: 'SIMPLE', credentialName: 'a', caCertificates: '/b' } } },
    `${policy}.tls.credentialName: credentialName takes the place of certificate files`,
  ],
  [
    { trafficPolicy: { tls: { mode: 'SIMPLE', insecureSkipVerify: true, caCertificates: '/b' } } },
    `${policy}.tls.insecureSkipVerify: what the server shows cannot be both verified and not`,
  ],
  [balanced({ consistentHash: { httpCookie: { name: '' } } }), `${policy}.loadBalancer.consistentHash.httpCookie.name: the cookie needs a name`],
  [
    balanced({ consistentHash: { httpCookie: { name: 'a', attributes: [{ name: 'b' }, { name: 'b' }] } } }),
    `${policy}.loadBalancer.consistentHash.httpCookie.attributes[1].name: the cookie has the attribute b already`,
  ],
  [
    balanced({ consistentHash: { httpHeaderName: 'x', ringHash: {}, minimumRingSize: 5 } }),
    `${policy}.loadBalancer.consistentHash.minimumRingSize: minimumRingSize cannot stand beside ringHash or maglev`,
  ],
  [
    balanced({ consistentHash: { httpHeaderName: 'x', maglev: { tableSize: 9 } } }),
    `${policy}.loadBalancer.consistentHash.maglev.tableSize: the table of maglev needs a size that is a prime number below 5000011, not 9`,
  ],
  [
    balanced({ consistentHash: { httpHeaderName: 'x', maglev: {} } }),
    `${policy}.loadBalancer.consistentHash.maglev: the table of maglev needs a size that is a prime number below 5000011`,
  ],
  [balanced({ warmup: { duration: '1s', aggression: 0 } }), `${policy}.loadBalancer.warmup.aggression: aggression must be above 0`],
  [
    balanced({ localityLbSetting: {}, zoneAwareLbSetting: {} }),
    `${policy}.loadBalancer.zoneAwareLbSetting: localityLbSetting and zoneAwareLbSetting exclude each other`,
  ],
  [
    local({ distribute: [{ from: 'a', to: { b: 100 } }], failover: [{ from: 'a', to: 'b' }] }),
    `${locality}.failover: distribute and failover exclude each other`,
  ],
  [
    local({ failover: [{ from: 'a', to: 'b' }], failoverPriority: ['topology.kubernetes.io/zone'] }),
    `${locality}.failoverPriority[0]: the label topology.kubernetes.io/zone cannot be a failoverPriority where failover speaks of regions`,
  ],
  [
    local({ distribute: [{ from: 'a', to: { b: 60, c: 50 } }] }),
    `${locality}.distribute[0].to: the weights of the localities add up to 110, not to 100`,
  ],
  [local({ distribute: [{ from: 'a', to: { b: 0, c: 100 } }] }), `${locality}.distribute[0].to.b: the weight of a locality is 1 to 100, not 0`],
  [local({ distribute: [{ from: 'a', to: { 'b/*': 50, 'b/c': 50 } }] }), `${locality}.distribute[0].to.b/c: b/c overlaps with b/*`],
  [local({ distribute: [{ from: 'a/*/b', to: { b: 100 } }] }), `${locality}.distribute[0].from: a/*/b: a * may only stand at the end`],
  [local({ distribute: [{ from: 'a//b', to: { b: 100 } }] }), `${locality}.distribute[0].from: 'a//b' has an empty region, zone or sub-zone`],
  [local({ failover: [{ from: 'a', to: 'a' }] }), `${locality}.failover[0].to: region a cannot fail over to itself`],
  [local({ failover: [{ from: 'a/z', to: 'b' }] }), `${locality}.failover[0]: failover is between regions, without zones`],
  [local({ failover: [{ from: '*', to: 'b' }] }), `${locality}.failover[0]: failover is from one region to another, without *`],
  [
    balanced({ zoneAwareLbSetting: { failoverPriority: ['topology.kubernetes.io/region'] } }),
    `${policy}.loadBalancer.zoneAwareLbSetting.failoverPriority[0]: topology.kubernetes.io/region is looked at anyway where balancing knows zones`,
  ],
];

test('a DestinationRule that Istio refuses', () => {
  for (const [spec, message] of bad) assert.deepEqual(broken(spec), [message], JSON.stringify(spec));
});

test('subsets and single ports are held to the same rules', () => {
  const wrong = { loadBalancer: { warmup: { duration: '1s', aggression: 0 } } };
  const at = 'loadBalancer.warmup.aggression: aggression must be above 0';
  assert.deepEqual(broken({ subsets: [{ name: 'v1', trafficPolicy: wrong }] }), [`spec.subsets[0].trafficPolicy.${at}`]);
  assert.deepEqual(broken({ trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, ...wrong }] } }), [`${policy}.portLevelSettings[0].${at}`]);
});

test('what this release does not act on is read over, one warning each with its line', () => {
  const text = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: a }
spec:
  host: a
  trafficPolicy:
    loadBalancer:
      backendUtilization: { weightUpdatePeriod: 1s }
    outlierDetection:
      consecutiveErrors: 3
    retryBudget: { percent: 10, minRetryConcurrency: 2, budgetInterval: 5s }
`;
  const [item] = readText('a.yaml', text).items;
  assert.ok(item?.resource);
  const found = item.diagnostics.map(({ code, severity, message, at }) => `${code} ${severity} ${at?.line ?? 0} ${message}`);
  const policy = 'spec.trafficPolicy';
  assert.deepEqual(found, [
    `HDL0012 warning 8 ${policy}.loadBalancer.backendUtilization has no effect`,
    `HDL0012 warning 10 ${policy}.outlierDetection.consecutiveErrors has no effect`,
    `HDL0012 warning 11 ${policy}.retryBudget.budgetInterval has no effect yet`,
  ]);
});
