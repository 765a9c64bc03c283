// One Envoy bootstrap on either data plane: the embedded proxy in this process, or a real Envoy. Listeners have the ports that the bootstrap says;
// an admin server is added on a free one.
import { Agent, request } from 'node:http';
import { address, type Part } from '#test/support/bootstrap-parts.ts';
import { startEmbedded } from '#test/support/embedded-proxy.ts';
import { freePort } from '#test/support/free-port.ts';
import { type HttpAnswer, httpCall } from '#test/support/http-call.ts';
import { startProcess } from '#test/support/start-process.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

export type RunningPlane = AsyncDisposable & {
  readonly kind: 'embedded' | 'envoy';
  /** A page of the admin server. */
  readonly admin: (path: string) => Promise<string>;
};

/** `binary`: Envoy's; undefined: the embedded proxy. */
export async function startPlane(binary: string | undefined, bootstrap: Part): Promise<RunningPlane> {
  const adminPort = await freePort();
  const withAdmin = { admin: { address: address(adminPort) }, ...bootstrap };
  const admin = async (path: string): Promise<string> => (await httpCall({ port: adminPort, path })).body;
  if (binary === undefined) {
    const proxy = await startEmbedded(withAdmin, 0);
    await proxy.ready;
    return { kind: 'embedded', admin, [Symbol.asyncDispose]: () => proxy.close() };
  }
  const folder = await temporaryFolder();
  const file = await folder.write('envoy.json', JSON.stringify(withAdmin));
  const envoy = await startProcess({
    command: binary,
    args: [
      '-c',
      file,
      '--concurrency',
      '1',
      '--log-level',
      'warning',
      '--use-dynamic-base-id',
      '--drain-time-s',
      '0',
      '--file-flush-interval-msec',
      '20',
    ],
    ready: async () => (await httpCall({ port: adminPort, path: '/ready' })).status === 200,
  });
  return {
    kind: 'envoy',
    admin,
    [Symbol.asyncDispose]: async () => {
      envoy.signal('SIGKILL');
      await envoy.exited;
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Calls over a few connections that are kept: for tables of many calls. */
export class KeptCalls implements Disposable {
  readonly #agent: Agent;
  readonly #port: number;

  constructor(port: number, connections = 1) {
    this.#port = port;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET'): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const outgoing = request({ host: '127.0.0.1', port: this.#port, path, headers, method, agent: this.#agent }, (answer) => {
        let body = '';
        answer.setEncoding('utf8').on('data', (part: string) => (body += part));
        answer.on('error', reject);
        answer.on('end', () => {
          const joined = Object.entries(answer.headersDistinct).map(([name, values]): [string, string] => [name, (values ?? []).join(', ')]);
          resolve({ status: answer.statusCode ?? 0, headers: Object.fromEntries(joined), body });
        });
      });
      outgoing.on('error', reject);
      outgoing.end();
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
