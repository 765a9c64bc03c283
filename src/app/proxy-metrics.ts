// The metrics of an embedded proxy: served where Prometheus asks, and rid of what is idle.
import { type MetricsPorts, type PodMetrics, podMetrics } from '#app/pod-metrics.ts';
import type { ProxyParts } from '#app/proxy-parts.ts';
import type { Clock } from '#base/clock.ts';
import { ok, type Result } from '#base/result.ts';
import type { SocketNetwork } from '#base/socket-network.ts';
import type { Node } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { type AdminPage, type AdminServer, startAdmin } from '#proxy/admin.ts';
import { idleSeriesMs } from '#telemetry/metrics/metric-store.ts';

export type ProxyMetrics = { readonly close: () => Promise<void> };

type Options = { readonly metricsPorts?: MetricsPorts; readonly network?: SocketNetwork | undefined; readonly clock: Clock };

/** The error names the address that is taken. */
export async function startProxyMetrics(
  { metrics, adminCodec }: Pick<ProxyParts, 'metrics' | 'adminCodec'>,
  { metricsPorts: ports, network, clock }: Options,
  metadata: Node['metadata'],
  version: string,
): Promise<Result<ProxyMetrics, string>> {
  let cancel = (): void => {};
  const sweep = (): void => {
    cancel = clock.after(idleSeriesMs, () => {
      metrics.dropIdle();
      sweep();
    });
  };
  sweep();
  const servers: AdminServer[] = [];
  const close = async (): Promise<void> => {
    cancel();
    await Promise.all(servers.map((server) => server.close()));
  };
  const told = podMetrics({ proxy: () => Promise.resolve(metrics.print()), metadata, version, network });
  const wanted =
    ports === undefined ? [] : [[ports.merged, told.merged] as const, ...(ports.proxy === undefined ? [] : [[ports.proxy, told.ofProxy] as const])];
  for (const [port, read] of wanted) {
    const started = await startAdmin(pagesOf(read), adminCodec, { address: '127.0.0.1', port }, network);
    if (!started.ok) {
      await close();
      return started;
    }
    servers.push(started.value);
  }
  return ok({ close });
}

/** Istio's paths. */
function pagesOf(read: PodMetrics['merged']): readonly AdminPage[] {
  const answer = async () => ({ status: 200, body: await read(), type: 'text/plain; version=0.0.4; charset=utf-8' });
  return ['/stats/prometheus', '/metrics'].map((path) => ({ path, help: 'metrics for Prometheus', changes: false, answer }));
}
