// What whoever runs an embedded proxy asks of its admin server: that it drains, and when it has.
import type { AdminPlace } from '#agent/admin-place.ts';
import type { Clock } from '#base/clock.ts';
import type { PodNetwork } from '#runtime/network.ts';

// Not by `import`: see runtime/probe.ts.
const { request } = process.getBuiltinModule('node:http');

const pollMs = 20;

/** Where a sidecar listens for what others send: on the pod's ports, or on Istio's port for all of them. */
export function inboundPortsOf({ ports }: PodNetwork): ReadonlySet<number> {
  return new Set([15006, ...Object.values(ports.inbound).map(({ listen }) => listen)]);
}

/**
 * Listeners stop accepting and close what is idle; waits for the connections that are left (downstream_cx_active), or for the deadline. `inbound`: the ports
 * of those listeners alone; what the app calls goes on being served.
 */
export async function drainEmbedded(admin: AdminPlace, clock: Clock, deadlineMs: number, inbound: ReadonlySet<number> | undefined): Promise<void> {
  const endMs = clock.monotonicMs() + deadlineMs;
  try {
    await ask('POST', admin, `/drain_listeners${inbound === undefined ? '' : '?inboundonly'}`);
    while (clock.monotonicMs() < endMs && openConnections((await ask('GET', admin, '/stats')).body, inbound) > 0) {
      await new Promise<void>((resolve) => void clock.after(pollMs, resolve));
    }
  } catch {
    // A proxy that does not answer has nothing to drain.
  }
}

function openConnections(stats: string, inbound: ReadonlySet<number> | undefined): number {
  const all = [...stats.matchAll(/^listener\..*_(\d+)\.downstream_cx_active: (\d+)$/gm)];
  return all.reduce((sum, [, port, count]) => (inbound === undefined || inbound.has(Number(port)) ? sum + Number(count) : sum), 0);
}

function ask(method: string, admin: AdminPlace, path: string): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...admin, method, path, agent: false, timeout: 2_000 }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (text: string) => (body += text));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }));
      answer.on('error', reject);
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer')));
    outgoing.on('error', reject);
    outgoing.end();
  });
}
