// The few questions asked of a running Envoy over its admin port. Short-lived connections: Envoy may be gone any moment.
import { request } from 'node:http';
import type { AdminPlace } from '#agent/admin-place.ts';

export type EnvoyAdmin = {
  /** True when Envoy is LIVE and has had an answer for both clusters and listeners. */
  readonly ready: () => Promise<boolean>;
  /** Requests under way on all HTTP listeners but the admin's own. */
  readonly activeRequests: () => Promise<number>;
  /** Requests from others that are under way, and how many there were since the start; `inboundOnly`: those that the app itself makes do not count. */
  readonly requests: (inboundOnly: boolean) => Promise<{ readonly active: number; readonly total: number }>;
  /** `POST /drain_listeners?graceful`: listeners stop asking for more, and close after Envoy's drain time. */
  readonly drainListeners: (inboundOnly?: boolean) => Promise<void>;
};

const answerDeadlineMs = 2_000;

/** All methods reject when Envoy does not answer. */
export function envoyAdmin(place: AdminPlace): EnvoyAdmin {
  return {
    ready: async () => {
      const state = await call(place, 'GET', '/ready');
      if (state.status !== 200) return false;
      const stats = await stats64(place, '^(cluster_manager\\.cds|listener_manager\\.lds)\\.update_(success|rejected)$');
      const answered = (prefix: string) => sum(stats, (name) => name.startsWith(prefix)) > 0;
      return answered('cluster_manager.cds.') && answered('listener_manager.lds.');
    },
    activeRequests: async () => {
      const stats = await stats64(place, '^http\\..*\\.downstream_rq_active$');
      return sum(stats, (name) => !name.startsWith('http.admin.'));
    },
    requests: async (inboundOnly) => {
      const stats = await stats64(place, '^http\\..*\\.downstream_rq_(active|total)$');
      const isCounted = (name: string): boolean => !name.startsWith('http.admin.') && !(inboundOnly && name.startsWith('http.outbound'));
      const of = (end: string): number => sum(stats, (name) => isCounted(name) && name.endsWith(end));
      return { active: of('_active'), total: of('_total') };
    },
    drainListeners: async (inboundOnly = false) => {
      await call(place, 'POST', `/drain_listeners?${inboundOnly ? 'inboundonly&' : ''}graceful`);
    },
  };
}

async function stats64(place: AdminPlace, filter: string): Promise<ReadonlyMap<string, number>> {
  const { body } = await call(place, 'GET', `/stats?filter=${encodeURIComponent(filter)}`);
  const entries = body.split('\n').flatMap((line): [string, number][] => {
    const colon = line.lastIndexOf(': ');
    return colon < 0 ? [] : [[line.slice(0, colon), Number(line.slice(colon + 2))]];
  });
  return new Map(entries);
}

function sum(stats: ReadonlyMap<string, number>, counts: (name: string) => boolean): number {
  let total = 0;
  for (const [name, value] of stats) if (counts(name)) total += value;
  return total;
}

function call(place: AdminPlace, method: string, path: string): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...place, method, path, agent: false, timeout: answerDeadlineMs }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', reject);
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`Envoy's admin port ${place.port} does not answer`)));
    outgoing.on('error', reject);
    outgoing.end();
  });
}
