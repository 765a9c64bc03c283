// What a pod tells Prometheus: the metrics of its proxy under Istio's names, and behind them its application's own where the pod's annotations say so, as
// Istio's agent merges them. One that does not answer is counted, and keeps nobody from the rest.
import type { JsonObject } from '@bufbuild/protobuf';
import { nodePeer } from '#app/node-peer.ts';
import { isObject } from '#base/object.ts';
import { connectFrom, type SocketNetwork } from '#base/socket-network.ts';
import { IstioText } from '#telemetry/metrics/istio-text.ts';

/** Where Prometheus asks. `merged`: proxy and application; `proxy`: the proxy alone. */
export type MetricsPorts = { readonly merged: number; readonly proxy?: number };

export type PodMetricsOptions = {
  /** The metrics of the proxy, as Envoy prints them. */
  readonly proxy: () => Promise<string>;
  /** Of the proxy's node: who it is, and what its pod's annotations ask for. */
  readonly metadata: JsonObject | undefined;
  /** What istio_build says. */
  readonly version: string;
  /** The application's, if this process is not in it. */
  readonly network?: SocketNetwork | undefined;
};

export type PodMetrics = {
  /** For 15090: the proxy's alone. */
  readonly ofProxy: () => Promise<string>;
  /** For 15020. */
  readonly merged: () => Promise<string>;
};

export function podMetrics({ proxy, metadata, version, network }: PodMetricsOptions): PodMetrics {
  const text = new IstioText(nodePeer(metadata) ?? '', version);
  const target = applicationTarget(metadata);
  const counts = { scrapes: 0, failures: 0 };
  const ofProxy = async (): Promise<string> => text.rewrite(await proxy());
  return {
    ofProxy,
    merged: async () => {
      counts.scrapes++;
      const application = target === undefined ? '' : scrape(target, network);
      const [own, other] = await Promise.all([ofProxy(), application]);
      if (other === undefined) counts.failures++;
      return `${own}${agentText(counts)}${withoutEnd(other ?? '')}`;
    },
  };
}

/** Istio's names. */
function agentText({ scrapes, failures }: { readonly scrapes: number; readonly failures: number }): string {
  const total = 'istio_agent_scrapes_total';
  const failed = 'istio_agent_scrape_failures_total';
  return `# HELP ${total} Scrapes of this pod.\n# TYPE ${total} counter\n${total} ${scrapes}\n# HELP ${failed} Scrapes that failed.\n# TYPE ${failed} counter\n${failed}{type="application"} ${failures}\n`;
}

/** OpenMetrics' mark of the end would be in the middle of what follows, or is alone. */
function withoutEnd(text: string): string {
  const lines = text.replace(/^# EOF\s*$/m, '');
  return lines === '' || lines.endsWith('\n') ? lines : `${lines}\n`;
}

type Target = { readonly port: number; readonly path: string };

/** The annotations prometheus.io/scrape, port and path; in loopback mode the app's port is another one than the pod's. Source: Istio's agent. */
export function applicationTarget(metadata: JsonObject | undefined): Target | undefined {
  const annotations = metadata?.['ANNOTATIONS'];
  const read = (name: string): string => {
    const value = isObject(annotations) ? annotations[name] : undefined;
    return typeof value === 'string' ? value : '';
  };
  if (read('prometheus.io/scrape') !== 'true' || read('prometheus.istio.io/merge-metrics') === 'false') return undefined;
  const written = read('prometheus.io/port') || '80';
  const path = read('prometheus.io/path') || '/metrics';
  const loopback = metadata?.['HEDDLE_LOOPBACK'];
  const inbound = isObject(loopback) && isObject(loopback['inbound']) ? loopback['inbound'][written] : undefined;
  const port = isObject(inbound) && typeof inbound['app'] === 'number' ? inbound['app'] : Number(written);
  // The proxy's own port would ask itself for ever.
  return Number.isInteger(port) && port > 0 && port < 65_536 && port !== 15_020
    ? { port, path: asTarget(path.startsWith('/') ? path : `/${path}`) }
    : undefined;
}

/** Spaces and what is not ASCII cannot stand in the first line of a request (RFC 9112 section 3.2); what is written encoded stays so. */
function asTarget(path: string): string {
  return path.toWellFormed().replaceAll(/[^\x21-\x7e]+/g, encodeURIComponent);
}

const scrapeDeadlineMs = 5_000;
/** Istio's. */
const mostBytes = 10 * 1024 * 1024;

/** Undefined: no answer, not a good one, or too long. */
async function scrape({ port, path }: Target, network: SocketNetwork | undefined): Promise<string | undefined> {
  // Loaded where there is something to ask.
  const { request } = await import('node:http');
  const place = { host: '127.0.0.1', port };
  const socket = network === undefined ? undefined : connectFrom(network, place);
  if (socket?.ok === false) return undefined;
  const over = socket === undefined ? { agent: false } : { createConnection: () => socket.value };
  return new Promise((resolve) => {
    const outgoing = request({ ...place, ...over, path, timeout: scrapeDeadlineMs }, (answer) => {
      const parts: Buffer[] = [];
      let size = 0;
      answer.on('data', (part: Buffer) => {
        size += part.length;
        parts.push(part);
        if (size > mostBytes) answer.destroy();
      });
      answer.on('close', () => resolve(answer.complete && answer.statusCode === 200 ? Buffer.concat(parts).toString() : undefined));
    });
    const deadline = setTimeout(() => outgoing.destroy(), scrapeDeadlineMs);
    outgoing.on('close', () => clearTimeout(deadline));
    outgoing.on('timeout', () => outgoing.destroy());
    outgoing.on('error', () => resolve(undefined));
    outgoing.end();
  });
}
