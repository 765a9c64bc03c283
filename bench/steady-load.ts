// Requests at an even pace, whatever the answers take, over connections that are kept. Each answer is noted with the time of its request.
import { Agent, request } from 'node:http';

export type Answer = { readonly sentAtMs: number; readonly status: number; readonly version: string };

export type SteadyLoad = AsyncDisposable & {
  /** Every answer so far, in the order of arrival; status 0 is a failed connection. */
  readonly answers: readonly Answer[];
};

/** Disposal ends the load and waits for the answers that are still out. */
export function startSteadyLoad(port: number, host: string, requestsPerSecond: number): SteadyLoad {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const answers: Answer[] = [];
  const out = new Set<Promise<void>>();
  const started = performance.now();
  let sent = 0;
  const send = (): void => {
    // Timers come late on a busy machine: what should have been sent by now is sent now.
    for (const due = ((performance.now() - started) / 1000) * requestsPerSecond; sent < due; sent++) {
      const answer = ask(agent, port, host).then((noted) => void answers.push(noted));
      out.add(answer);
      void answer.finally(() => out.delete(answer));
    }
  };
  const timer = setInterval(send, 1);
  const dispose = async (): Promise<void> => {
    clearInterval(timer);
    await Promise.all(out);
    agent.destroy();
  };
  return { answers, [Symbol.asyncDispose]: dispose };
}

function ask(agent: Agent, port: number, host: string): Promise<Answer> {
  const sentAtMs = performance.now();
  return new Promise((resolve) => {
    const failed = (): void => resolve({ sentAtMs, status: 0, version: '' });
    const outgoing = request({ agent, host: '127.0.0.1', port, path: '/', headers: { host }, timeout: 10_000 }, (answer) => {
      answer.on('error', failed);
      answer.on('end', () => resolve({ sentAtMs, status: answer.statusCode ?? 0, version: String(answer.headers['x-version'] ?? '') }));
      answer.resume();
    });
    outgoing.on('timeout', () => outgoing.destroy());
    outgoing.on('error', failed);
    outgoing.end();
  });
}
