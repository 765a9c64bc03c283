// Steady load on one port: a few keep-alive connections that ask again as soon as they have an answer. What fails is kept word for word.
import { Agent, request } from 'node:http';

export type Load = AsyncDisposable & {
  /** Good answers so far, by body. */
  readonly answers: ReadonlyMap<string, number>;
  readonly total: () => number;
  readonly failures: readonly string[];
  /** Resolves when `count` more answers have come. */
  readonly more: (count: number) => Promise<void>;
  /** Ends the load and waits for what is under way. */
  readonly stop: () => Promise<void>;
};

/** `pauseMs` between two requests of a connection; a failure is a status other than 200 or a broken connection. */
export function startLoad(options: {
  readonly port: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly path?: string;
  readonly connections?: number;
  readonly pauseMs?: number;
}): Load {
  const { port, headers, path = '/', connections = 4, pauseMs = 2 } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const answers = new Map<string, number>();
  const failures: string[] = [];
  const waiting = new Set<() => void>();
  let total = 0;
  let stopped = false;
  const ask = (): Promise<void> =>
    new Promise((resolve) => {
      const outgoing = request({ host: '127.0.0.1', port, path, headers, agent, timeout: 10_000 }, (answer) => {
        let body = '';
        answer.setEncoding('utf8').on('data', (text: string) => (body += text));
        answer.on('error', (error) => failures.push(String(error)));
        answer.on('close', () => {
          if (answer.statusCode === 200 && answer.complete) answers.set(body, (answers.get(body) ?? 0) + 1);
          else failures.push(`${answer.statusCode}: ${body}`);
          resolve();
        });
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within 10 s')));
      outgoing.on('error', (error) => {
        failures.push(String(error));
        resolve();
      });
      outgoing.end();
    });
  const worker = async (): Promise<void> => {
    while (!stopped) {
      await ask();
      total += 1;
      for (const look of waiting) look();
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  };
  const workers = Array.from({ length: connections }, worker);
  const stop = async (): Promise<void> => {
    stopped = true;
    await Promise.all(workers);
    agent.destroy();
  };
  return {
    answers,
    failures,
    total: () => total,
    more: (count) =>
      new Promise((resolve) => {
        const goal = total + count;
        const look = (): void => {
          if (total < goal) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
      }),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
