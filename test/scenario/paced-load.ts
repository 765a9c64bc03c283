// Load at a rate, whether or not answers come: what is due is asked, path after path, over kept connections. What fails is kept word for word.
import { Agent, request } from 'node:http';

export type PacedLoad = AsyncDisposable & {
  readonly asked: () => number;
  readonly failures: readonly string[];
  /** Good answers a second since the start. */
  readonly perSecond: () => number;
  /** Ends the load and waits for what is under way. */
  readonly stop: () => Promise<void>;
};

export type PacedCall = { readonly path: string /** What the body of a good answer holds. */; readonly holds: string };

/**
 * More are never under way: a machine that is slower than the rate is asked as fast as it can answer, and not so much faster that the timeouts of the
 * programs that are asked would answer in their place.
 */
const mostUnderWay = 24;

export function startPacedLoad({
  port,
  calls,
  perSecond,
}: {
  readonly port: number;
  readonly calls: readonly PacedCall[];
  readonly perSecond: number;
}): PacedLoad {
  const agent = new Agent({ keepAlive: true, maxSockets: mostUnderWay });
  const failures: string[] = [];
  const underWay = new Set<Promise<void>>();
  const startedMs = performance.now();
  let asked = 0;
  let answered = 0;
  let due = 0;
  let lastMs = startedMs;
  const ask = ({ path, holds }: PacedCall): Promise<void> =>
    new Promise((resolve) => {
      const atMs = Math.round(performance.now() - startedMs);
      const fail = (what: string): void => {
        failures.push(`${atMs} ms ${path}: ${what}`);
        resolve();
      };
      const outgoing = request({ host: '127.0.0.1', port, path, agent, timeout: 20_000 }, (answer) => {
        let body = '';
        answer.setEncoding('utf8').on('data', (text: string) => (body += text));
        answer.on('error', (error) => fail(String(error)));
        answer.on('end', () => {
          if (answer.statusCode !== 200 || !body.includes(holds)) fail(`${answer.statusCode} ${body.slice(0, 300)}`);
          else answered += 1;
          resolve();
        });
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within 20 s')));
      outgoing.on('error', (error) => fail(String(error)));
      outgoing.end();
    });
  const timer = setInterval(() => {
    const nowMs = performance.now();
    due = Math.min(due + ((nowMs - lastMs) / 1000) * perSecond, perSecond);
    lastMs = nowMs;
    for (; due >= 1 && underWay.size < mostUnderWay; due -= 1) {
      const call = calls[asked % calls.length];
      if (call === undefined) return;
      asked += 1;
      const one: Promise<void> = ask(call).then(() => void underWay.delete(one));
      underWay.add(one);
    }
  }, 5);
  const stop = async (): Promise<void> => {
    clearInterval(timer);
    await Promise.all(underWay);
    agent.destroy();
  };
  return {
    asked: () => asked,
    failures,
    perSecond: () => Math.round(answered / ((performance.now() - startedMs) / 1000)),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
