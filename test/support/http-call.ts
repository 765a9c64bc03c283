// One HTTP/1.1 request on a connection of its own, by node:http, so that nothing of ours takes part in judging ours.
import { request } from 'node:http';

export type HttpCall = {
  readonly host?: string;
  readonly port: number;
  /** A Unix socket in place of host and port. */
  readonly socketPath?: string;
  readonly method?: string;
  /** Request target as sent: a path, or a whole URL to a proxy. */
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
  /** Fails the call when no answer has come by then; 10 s by default. */
  readonly timeoutMs?: number;
};

export type HttpAnswer = {
  readonly status: number;
  /** Lower-case names; what came several times is joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

/** Rejects where the connection fails, ends early or gives no answer in time. A `host` header in `headers` wins over the address. */
export function httpCall(call: HttpCall): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        ...(call.socketPath === undefined ? { host: call.host ?? '127.0.0.1', port: call.port } : { socketPath: call.socketPath }),
        method: call.method ?? 'GET',
        path: call.path ?? '/',
        headers: mutableHeaders(call.headers ?? {}),
        agent: false,
        signal: AbortSignal.timeout(call.timeoutMs ?? 10_000),
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          resolve({ status: answer.statusCode ?? 0, headers: joinHeaders(answer.headersDistinct), body: Buffer.concat(chunks).toString('utf8') });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(call.body);
  });
}

function mutableHeaders(headers: Readonly<Record<string, string | readonly string[]>>): Record<string, string | string[]> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]));
}

function joinHeaders(headers: NodeJS.Dict<string[]>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, values]) => [name, (values ?? []).join(', ')]));
}
