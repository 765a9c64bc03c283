import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ControlPlaneMetrics } from '#app/control-plane-metrics.ts';
import { newCertificateCounts } from '#ca/server/certificate-service.ts';
import { typeUrls } from '#envoy/type-url.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';
import { HandClock } from '#test/support/hand-clock.ts';
import { Ledger } from '#xds/server/ledger.ts';

test('pushes, refusals, times and certificates are counted under istiod’s names, also over reconnections', () => {
  const clock = new HandClock();
  const ledger = new Ledger(clock);
  const certificates = newCertificateCounts();
  const mesh = buildMesh(nextSnapshot(undefined, [], []));
  using metrics = new ControlPlaneMetrics({ ledger, mesh: () => mesh, certificates, clock, version: 'x' });
  const stream = {};
  ledger.connected(stream, 'a', 'delta');
  ledger.sent(stream, 'a', typeUrls.cluster, '1');
  clock.advance(700);
  ledger.acked(stream, 'a', typeUrls.cluster, '1', 1, []);
  ledger.sent(stream, 'a', typeUrls.listener, '1');
  ledger.nacked(stream, 'a', typeUrls.listener, { version: '1', error: 'no', resources: ['x'] }, ['x']);
  const again = {};
  ledger.connected(again, 'a', 'delta');
  ledger.sent(again, 'a', typeUrls.cluster, '2');
  certificates.asked = 3;
  certificates.issued = 2;
  const lines = metrics.print().split('\n');
  for (const line of [
    'pilot_xds{version="x"} 1',
    'pilot_xds_pushes{type="cds"} 2',
    'pilot_xds_pushes{type="lds"} 1',
    'pilot_total_xds_rejects 1',
    'pilot_proxy_convergence_time_bucket{le="0.5"} 0',
    'pilot_proxy_convergence_time_bucket{le="1"} 1',
    'pilot_proxy_convergence_time_count 1',
    'pilot_services 0',
    'citadel_server_csr_count 3',
    'citadel_server_success_cert_issuance_count 2',
    'istio_build{component="pilot",tag="x"} 1',
  ]) {
    assert.ok(lines.includes(line), `${line} is not in\n${lines.join('\n')}`);
  }
});
