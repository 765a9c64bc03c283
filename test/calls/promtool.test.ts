// Debian's promtool reads what pods tell Prometheus, of either data plane, after requests and connections.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { podMetrics } from '#app/pod-metrics.ts';
import type { DataPlane } from '#test/calls/live-proxy.ts';
import { withStage } from '#test/calls/mesh-stage.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { findProgram } from '#test/support/find-program.ts';
import { httpCall } from '#test/support/http-call.ts';

const promtool = findProgram('promtool');

async function check(plane: DataPlane): Promise<void> {
  await withStage(plane, { kind: 'embedded' }, {}, async ({ call, metrics }) => {
    assert.equal((await httpCall({ port: call.http, headers: { host: 'web' } })).status, 200);
    const metadata = { NAME: 'client', NAMESPACE: 'shop', LABELS: { app: 'client' } };
    const told = podMetrics({ proxy: metrics.raw, metadata, version: 'test' });
    const { status, stdout, stderr } = spawnSync(promtool ?? '', ['check', 'metrics'], { input: await told.merged(), encoding: 'utf8' });
    // 3: it can be read, and some names are not as promtool would have them: Envoy's, that is.
    assert.ok(status === 0 || status === 3, `${stdout}${stderr}`);
    const ofIstio = `${stdout}${stderr}`.split('\n').filter((line) => line.startsWith('istio_'));
    // The name is Istio's.
    assert.deepEqual(ofIstio, ['istio_request_duration_milliseconds use base unit "seconds" instead of "milliseconds"']);
  });
}

if (promtool === undefined) {
  void test('promtool reads the metrics of pods', { skip: 'promtool is not installed: Debian has it in the package prometheus' }, () => {});
} else {
  void test('promtool reads the metrics of pods: embedded', () => check({ kind: 'embedded' }));
  envoyTest('promtool reads the metrics of pods: Envoy', (binary) => check({ kind: 'envoy', binary }));
}
