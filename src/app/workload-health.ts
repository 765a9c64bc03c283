// The health of an app that stands outside a cluster: the probe that its proxy was given (ProxyConfig.readinessProbe in node metadata PROXY_CONFIG,
// as Istio's agent has it from WorkloadGroup.probe) in, a report for each change out. Source: Istio, pkg/istio-agent/health.
import { spawn } from 'node:child_process';
import { type WorkloadProbe, workloadProbe } from '#api/istio/workload-group.ts';
import type { Probe } from '#api/kubernetes/container.ts';
import { validate } from '#api/validate.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/logger.ts';
import { isObject } from '#base/object.ts';
import { formatPath } from '#base/origin.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { askProbe } from '#runtime/probe.ts';
import { startProbeLoop } from '#runtime/probe-loop.ts';

export type HealthOptions = {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Without a reason: well. */
  readonly report: (reason?: string) => void;
};

/** Of node metadata; undefined where there is none. The error names the field. */
export function readReadinessProbe(metadata: Readonly<Record<string, unknown>> | undefined): Result<WorkloadProbe | undefined, string> {
  const config = metadata?.['PROXY_CONFIG'];
  const written = isObject(config) ? config['readinessProbe'] : undefined;
  if (written === undefined) return ok(undefined);
  const at = ['PROXY_CONFIG', 'readinessProbe'];
  const [problem] = validate(workloadProbe, written, at);
  if (problem !== undefined) return failed(`${formatPath(problem.path)}: ${problem.message}`);
  // Checked against its schema.
  const probe = written as WorkloadProbe;
  const asks = [probe.httpGet, probe.tcpSocket, probe.exec, probe.grpc].some((method) => method !== undefined);
  return asks ? ok(probe) : failed(`${formatPath(at)} does not say how to ask: httpGet, tcpSocket, exec or grpc`);
}

/**
 * Asks from now on and reports each change, the first answer in any case. The app is asked on 127.0.0.1 unless the probe says another host (differs from
 * Istio, which asks at the workload's own address). Thresholds are 1 unless set. The returned function ends it.
 */
export function startHealthReports(written: WorkloadProbe, { clock, logger, report }: HealthOptions): () => void {
  const failureThreshold = Math.max(1, written.failureThreshold ?? 1);
  const probe = { ...asPodProbe(written), failureThreshold };
  const tell = (reason?: string): void => {
    hasTold = true;
    logger.log(reason === undefined ? 'info' : 'warn', reason === undefined ? 'the app is well' : 'the app is not well', { reason });
    report(reason);
  };
  let hasTold = false;
  let failures = 0;
  return startProbeLoop({
    probe,
    clock,
    startsWell: false,
    ask: async () => {
      const outcome = await askProbe(probe, { host: '127.0.0.1', localPort: Number, exec: runCommand });
      failures = outcome.ok ? 0 : failures + 1;
      // The loop tells changes, and an app that was never well does not change.
      if (!outcome.ok && !hasTold && failures >= failureThreshold) tell(outcome.reason);
      return outcome;
    },
    onChange: (well, reason) => tell(well ? undefined : reason),
  });
}

/** What a Pod's probe must say and this one may leave out. */
function asPodProbe({ grpc, httpGet, ...rest }: WorkloadProbe): Probe {
  const { httpHeaders, scheme, ...get } = httpGet ?? { port: 0 };
  const headers = httpHeaders?.map(({ name, value = '' }) => ({ name, value }));
  const isTls = scheme === 'HTTPS';
  return {
    ...rest,
    ...(httpGet !== undefined && { httpGet: { ...get, ...(isTls && { scheme }), ...(headers !== undefined && { httpHeaders: headers }) } }),
    ...(grpc !== undefined && { grpc: { ...grpc, port: grpc.port ?? 0 } }),
  };
}

/** The exit code; ended by a signal counts as a failure. Its output is nobody's. */
function runCommand([command = '', ...args]: readonly string[], signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'ignore', signal, killSignal: 'SIGKILL' });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
