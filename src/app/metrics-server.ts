// Serves what a pod tells Prometheus beside an Envoy, on Istio's ports or those of loopback mode. Where Envoy does not answer, neither does this.
import { createServer, request, type Server, type ServerResponse } from 'node:http';
import type { AdminPlace } from '#agent/admin-place.ts';
import { type MetricsPorts, type PodMetrics, type PodMetricsOptions, podMetrics } from '#app/pod-metrics.ts';
import { isHostOfThisMachine } from '#base/loopback.ts';
import { failed, ok, type Result } from '#base/result.ts';

/** Prometheus' text format. */
export const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

/** What of Envoy's own statistics is told besides, as Istio has it by default. */
const told = '^(istio\\.|server\\.|cluster_manager\\.|listener_manager\\.)';
const askDeadlineMs = 5_000;

export type MetricsServerOptions = Omit<PodMetricsOptions, 'proxy'> & { readonly admin: AdminPlace; readonly ports: MetricsPorts };

/** The error names the port that is taken. */
export async function serveMetrics({ admin, ports, ...options }: MetricsServerOptions): Promise<Result<AsyncDisposable, string>> {
  const metrics = podMetrics({ ...options, proxy: () => ask(admin) });
  const servers: Server[] = [];
  const close = async (): Promise<void> => {
    for (const server of servers) {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    }
  };
  const wanted: readonly (readonly [port: number, read: PodMetrics['merged']])[] = [
    [ports.merged, metrics.merged],
    ...(ports.proxy === undefined ? [] : ([[ports.proxy, metrics.ofProxy]] as const)),
  ];
  for (const [port, read] of wanted) {
    const opened = await open(port, read);
    if (!opened.ok) {
      await close();
      return opened;
    }
    servers.push(opened.value);
  }
  return ok({ [Symbol.asyncDispose]: close });
}

function open(port: number, read: PodMetrics['merged']): Promise<Result<Server, string>> {
  const server = createServer(({ method, url = '/', headers }, response) => {
    const [path] = url.split('?', 1);
    const isOurs = path === '/stats/prometheus' || path === '/metrics';
    if (!isHostOfThisMachine(headers.host ?? '')) end(response, 403, 'The Host header names another machine; ask by IP address or localhost.\n');
    else if (!isOurs || method !== 'GET') end(response, isOurs ? 405 : 404, '');
    else {
      void read().then(
        (text) => end(response, 200, text),
        () => end(response, 503, 'the proxy does not answer\n'),
      );
    }
  });
  return new Promise((resolve) => {
    server.once('error', (error) => resolve(failed(`metrics port ${port}: ${error.message}`)));
    server.listen(port, '127.0.0.1', () => resolve(ok(server)));
  });
}

function end(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': metricsType, 'x-content-type-options': 'nosniff' }).end(body);
}

function ask(admin: AdminPlace): Promise<string> {
  return new Promise((resolve, reject) => {
    const path = `/stats/prometheus?filter=${encodeURIComponent(told)}`;
    const outgoing = request({ ...admin, path, agent: false, timeout: askDeadlineMs }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('error', reject);
      answer.on('end', () =>
        answer.statusCode === 200 ? resolve(Buffer.concat(parts).toString()) : reject(new Error(`status ${answer.statusCode}`)),
      );
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer')));
    outgoing.on('error', reject);
    outgoing.end();
  });
}
