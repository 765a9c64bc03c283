// Calls another service by its name and reads the JSON it answers with.
import { Agent, type OutgoingHttpHeaders, type RequestOptions, request } from 'node:http';

const agent = new Agent({ keepAlive: true });
const timeoutMs = 3000;

/** What a call came to: the status (503 where nobody answered) and the JSON, where there was some. */
export type Answer<Body> = { readonly status: number; readonly body?: Body };

/** GET http://`service`:9080`path`. Never rejects: a service that is not there is an answer with status 503. */
export function call<Body>(service: string, path: string, headers: OutgoingHttpHeaders): Promise<Answer<Body>> {
  return new Promise((resolve) => {
    const outgoing = request({ ...wayTo(service, path, headers), agent, timeout: timeoutMs }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const status = response.statusCode ?? 503;
        const text = Buffer.concat(chunks).toString('utf8');
        // The services of this example answer with what the caller expects; anything else is not 200 and is not read.
        resolve(status === 200 ? { status, body: JSON.parse(text) as Body } : { status });
      });
      response.on('error', () => resolve({ status: 503 }));
    });
    outgoing.on('timeout', () => outgoing.destroy());
    outgoing.on('error', () => resolve({ status: 503 }));
    outgoing.end();
  });
}

/** Through the HTTP proxy that the environment names; else where Kubernetes' variables say; else by DNS, as on any cluster. */
function wayTo(service: string, path: string, headers: OutgoingHttpHeaders): RequestOptions {
  const withHost = { ...headers, host: `${service}:9080` };
  const proxy = process.env['http_proxy'] ?? process.env['HTTP_PROXY'];
  if (proxy !== undefined && proxy !== '') {
    const { hostname, port } = new URL(proxy);
    return { host: hostname, port: Number(port), path: `http://${service}:9080${path}`, headers: withHost };
  }
  const variable = service.toUpperCase().replaceAll('-', '_');
  const host = process.env[`${variable}_SERVICE_HOST`] ?? service;
  const port = Number(process.env[`${variable}_SERVICE_PORT`] ?? 9080);
  return { host, port, path, headers: withHost };
}
