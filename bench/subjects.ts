// The programs under measurement, each started with the same task on a port of its own: the embedded proxy, Envoy with the very same
// bootstrap file, nginx; and the backend behind them.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { envoyBootstrap, nginxBackendConfig, nginxProxyConfig, type ProxyTask } from '#bench/bootstrap.ts';
import { findProgram } from '#bench/programs.ts';
import { findEnvoy } from '#test/support/envoy.ts';
import { freePort } from '#test/support/free-port.ts';
import { httpCall } from '#test/support/http-call.ts';
import { type RunningProcess, startHeddle, startProcess } from '#test/support/start-process.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

export type Subject = AsyncDisposable & { readonly name: string; readonly port: number; readonly pid: number };

export type SubjectKind = {
  readonly name: string;
  /** Why it cannot take part here, undefined where it can. */
  readonly missing: () => string | undefined;
  readonly start: (backendPort: number) => Promise<Subject>;
};

/** Order of the table's rows. */
export const subjectKinds: readonly SubjectKind[] = [
  { name: 'heddle', missing: () => undefined, start: (backendPort) => startEmbedded(backendPort) },
  {
    name: 'envoy',
    missing: () => (findEnvoy() === undefined ? 'no Envoy: set ENVOY_BIN' : undefined),
    start: (backendPort) => startEnvoy(backendPort),
  },
  { name: 'nginx', missing: () => (findProgram('nginx') === undefined ? 'nginx is not installed' : undefined), start: startNginx },
];

/** A server that answers one kilobyte: nginx where there is one, because it takes least CPU from the rest, else a small one of ours. */
export async function startBackend(): Promise<Subject> {
  const nginx = findProgram('nginx');
  if (nginx === undefined) {
    const file = fileURLToPath(new URL('backend-server.ts', import.meta.url));
    const server = await startProcess({ command: process.execPath, args: [file], ready: /port \d+/ });
    const [, port] = await server.waitForLine(/port (\d+)/);
    return subject('backend (node)', Number(port), server, []);
  }
  const folder = await temporaryFolder();
  const port = await freePort();
  const file = await folder.write('nginx.conf', nginxBackendConfig(port, folder.path));
  const server = await startProcess({ command: nginx, args: ['-p', folder.path, '-c', file], ready: () => answers(port) });
  return subject('backend (nginx)', port, server, [folder]);
}

type MoreTask = Pick<ProxyTask, 'loggers' | 'metadata'>;

/** `routes`: how many its host has. */
export async function startEmbedded(backendPort: number, routes = 1, more: MoreTask = {}): Promise<Subject> {
  const folder = await temporaryFolder();
  const port = await freePort();
  const task = { listenPort: port, backendPort, accessLog: join(folder.path, 'access.log'), routes, ...more };
  const file = await folder.write('bootstrap.json', envoyBootstrap(task));
  const server = await startHeddle(['proxy', '-c', file], { ready: () => answers(port), cwd: folder.path });
  return subject('heddle', port, server, [folder]);
}

export async function startEnvoy(backendPort: number, more: MoreTask = {}): Promise<Subject> {
  const envoy = findEnvoy();
  if (envoy === undefined) throw new Error('no Envoy');
  const folder = await temporaryFolder();
  const port = await freePort();
  const task = { listenPort: port, backendPort, accessLog: join(folder.path, 'access.log'), ...more };
  const file = await folder.write('bootstrap.json', envoyBootstrap(task));
  const args = ['-c', file, '--concurrency', '1', '--log-level', 'warn', '--use-dynamic-base-id'];
  const server = await startProcess({ command: envoy, args, ready: () => answers(port), cwd: folder.path });
  return subject('envoy', port, server, [folder]);
}

async function startNginx(backendPort: number): Promise<Subject> {
  const nginx = findProgram('nginx');
  if (nginx === undefined) throw new Error('no nginx');
  const folder = await temporaryFolder();
  const port = await freePort();
  mkdirSync(join(folder.path, 'logs'));
  const task = { listenPort: port, backendPort, accessLog: join(folder.path, 'access.log') };
  const file = await folder.write('nginx.conf', nginxProxyConfig(task, folder.path));
  const server = await startProcess({ command: nginx, args: ['-p', folder.path, '-c', file], ready: () => answers(port), cwd: folder.path });
  return subject('nginx', port, server, [folder]);
}

export async function answers(port: number): Promise<boolean> {
  const { status, body } = await httpCall({ port, timeoutMs: 1000 });
  return status === 200 && body.length === 1024;
}

function subject(name: string, port: number, server: RunningProcess, rest: readonly AsyncDisposable[]): Subject {
  const dispose = async (): Promise<void> => {
    await server.stop();
    for (const part of rest) await part[Symbol.asyncDispose]();
  };
  return { name, port, pid: server.pid, [Symbol.asyncDispose]: dispose };
}
