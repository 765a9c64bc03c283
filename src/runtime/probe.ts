// One probe, asked once: an HTTP answer from 200 to 399, a TCP connection, a command that exits with 0, or gRPC's health service.
// https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
import { connect } from 'node:net';
import type { Probe } from '#api/kubernetes/container.ts';
import { askGrpcHealth } from '#runtime/grpc-health.ts';

// Not by `import`: that asks for every export of node:http, and one of them loads a whole HTTP client (50 ms and 17 MB).
const { request: httpRequest } = process.getBuiltinModule('node:http');
const { request: httpsRequest } = process.getBuiltinModule('node:https');

export type ProbeOutcome = { readonly ok: true } | { readonly ok: false; readonly reason: string };

export type ProbeTarget = {
  /** The application's address, for a probe that names no other. */
  readonly host: string;
  /** Where the application listens here for a port that the probe names; undefined where nothing serves it. */
  readonly localPort: (port: number | string) => number | undefined;
  /** Runs a command in the container; resolves with its exit code. */
  readonly exec: (command: readonly string[], signal: AbortSignal) => Promise<number>;
};

/** Never rejects. Fails with the reason when there is no answer within the probe's timeout (Kubernetes: 1 s unless set). */
export async function askProbe(probe: Probe, target: ProbeTarget): Promise<ProbeOutcome> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    return await ask(probe, target, signal);
  } catch (error) {
    if (signal.aborted) return { ok: false, reason: `no answer within ${timeoutMs / 1000} s` };
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

async function ask(probe: Probe, target: ProbeTarget, signal: AbortSignal): Promise<ProbeOutcome> {
  const { httpGet, tcpSocket, grpc, exec } = probe;
  if (httpGet !== undefined) return askHttp(httpGet, target.host, portOf(httpGet.port, target), signal);
  if (tcpSocket !== undefined) return askTcp(tcpSocket.host ?? target.host, portOf(tcpSocket.port, target), signal);
  if (grpc !== undefined) return askGrpcHealth(target.host, portOf(grpc.port, target), grpc.service ?? '', signal);
  if (exec !== undefined) {
    const code = await target.exec(exec.command ?? [], signal);
    return code === 0 ? { ok: true } : { ok: false, reason: `${(exec.command ?? []).join(' ')} ended with code ${code}` };
  }
  return { ok: true };
}

/** Throws where the pod has no such port. */
export function portOf(port: number | string, target: ProbeTarget): number {
  const local = target.localPort(port);
  if (local === undefined) throw new Error(`the pod has no port ${port}`);
  return local;
}

/** An answer from 200 to 399 is a success; certificates are not verified. Rejects where there is no answer. */
export function askHttp(get: NonNullable<Probe['httpGet']>, host: string, port: number, signal: AbortSignal): Promise<ProbeOutcome> {
  const path = get.path ?? '/';
  const headers: Record<string, string> = { 'user-agent': 'kube-probe/heddle' };
  for (const { name, value } of get.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  const options = { host: get.host ?? host, port, path, headers, signal, agent: false as const };
  return new Promise((resolve, reject) => {
    const onAnswer = (answer: { readonly statusCode?: number | undefined; readonly resume: () => unknown }): void => {
      answer.resume();
      const status = answer.statusCode ?? 0;
      resolve(status >= 200 && status < 400 ? { ok: true } : { ok: false, reason: `GET ${path} answered ${status}` });
    };
    // A kubelet does not verify certificates either.
    const outgoing = get.scheme === 'HTTPS' ? httpsRequest({ ...options, rejectUnauthorized: false }, onAnswer) : httpRequest(options, onAnswer);
    outgoing.on('error', (error) => reject(new Error(`GET ${path}: ${error.message}`, { cause: error })));
    outgoing.end();
  });
}

/** A connection that is accepted, and closed at once. */
export function askTcp(host: string, port: number, signal: AbortSignal): Promise<ProbeOutcome> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host, signal });
    socket.once('connect', () => {
      socket.destroy();
      resolve({ ok: true });
    });
    socket.once('error', reject);
  });
}
