// The pages of the admin server: state of the proxy in, Envoy's texts out. One literal list, in the order of the help page.

import type { LogLevel } from '#base/logger.ts';
import type { AdminPage } from '#proxy/admin.ts';
import { printClusters } from '#proxy/clusters-page.ts';
import { formatAddress, isSocketAddress } from '#proxy/downstream-connection.ts';
import type { Listeners } from '#proxy/listeners.ts';
import type { Clusters } from '#proxy/upstream/clusters.ts';
import type { Counters } from '#telemetry/counters.ts';
import type { MetricStore } from '#telemetry/metrics/metric-store.ts';

export type ServerState = 'LIVE' | 'DRAINING' | 'PRE_INITIALIZING' | 'INITIALIZING';

export type AdminViews = {
  readonly version: string;
  readonly state: () => ServerState;
  readonly uptimeMs: () => number;
  /** As proto JSON. */
  readonly node: () => unknown;
  readonly listeners: Listeners;
  readonly clusters: Clusters;
  /** True for clusters that came by xDS. */
  readonly addedViaApi: (cluster: string) => boolean;
  readonly counters: Counters;
  readonly metrics: MetricStore;
  /** As envoy.admin.v3.Certificates. */
  readonly certificates: () => unknown;
  readonly configDump: () => unknown;
  readonly setLogLevel: (level: LogLevel) => void;
  /** `inboundOnly`: what the app calls goes on being served. */
  readonly drainListeners: (inboundOnly: boolean) => void;
  readonly quit: () => void;
};

export function adminPages(views: AdminViews): readonly AdminPage[] {
  const page = (path: string, help: string, answer: AdminPage['answer']): AdminPage => ({ path, help, changes: false, answer });
  const action = (path: string, help: string, answer: AdminPage['answer']): AdminPage => ({ path, help, changes: true, answer });
  return [
    page('/certs', 'print certs on machine', () => ({ status: 200, body: `${JSON.stringify(views.certificates(), undefined, 1)}\n`, json: true })),
    page('/clusters', 'upstream cluster status', () => ({ status: 200, body: printClusters(views.clusters, views.addedViaApi) })),
    page('/config_dump', 'dump current configuration', () => ({
      status: 200,
      body: `${JSON.stringify(views.configDump(), undefined, 1)}\n`,
      json: true,
    })),
    action('/drain_listeners', 'drain listeners (inboundonly: drain all inbound listeners)', (query) => {
      views.drainListeners(query.has('inboundonly'));
      return { status: 200, body: 'OK\n' };
    }),
    page('/listeners', 'print listener info (format: text or json)', (query) => printListeners(views, query.get('format') === 'json')),
    action('/logging', 'change the logging level (level: debug, info, warning, error)', (query) => changeLogging(views, query)),
    action('/quitquitquit', 'exit the server', () => {
      views.quit();
      return { status: 200, body: 'OK' };
    }),
    page('/ready', 'print server state, 200 if LIVE, otherwise 503', () => {
      const state = views.state();
      return { status: state === 'LIVE' ? 200 : 503, body: `${state}\n` };
    }),
    page('/server_info', 'print server version/status information', () => ({
      status: 200,
      body: `${JSON.stringify(serverInfo(views), undefined, 1)}\n`,
      json: true,
    })),
    page('/stats', 'print server stats', () => ({ status: 200, body: views.counters.print() })),
    page('/stats/prometheus', 'print server stats in prometheus format', () => ({ status: 200, body: views.metrics.print() })),
  ];
}

const logLevels: Readonly<Record<string, LogLevel>> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  warn: 'warn',
  error: 'error',
  critical: 'error',
};

function changeLogging(views: AdminViews, query: URLSearchParams) {
  const wanted = query.get('level');
  if (wanted === null) return { status: 200, body: 'active loggers:\n  heddle\n' };
  const level = logLevels[wanted];
  if (level === undefined) return { status: 400, body: `error: unknown logger level ${wanted}\n` };
  views.setLogLevel(level);
  return { status: 200, body: 'OK\n' };
}

function serverInfo(views: AdminViews): unknown {
  const uptime = `${Math.floor(views.uptimeMs() / 1000)}s`;
  return { version: views.version, state: views.state(), uptime_current_epoch: uptime, uptime_all_epochs: uptime, node: views.node() };
}

function printListeners({ listeners }: AdminViews, asJson: boolean) {
  const all = listeners.all();
  if (!asJson) return { status: 200, body: all.map(({ name, address, port }) => `${name}::${formatAddress(address, port)}\n`).join('') };
  const statuses = all.map(({ name, address, port }) => ({
    name,
    local_address: isSocketAddress(address) ? { pipe: { path: address } } : { socket_address: { address, port_value: port } },
  }));
  return { status: 200, body: `${JSON.stringify({ listener_statuses: statuses }, undefined, 1)}\n`, json: true };
}
