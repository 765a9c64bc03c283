// `heddle exec`: a command in a container's environment, folder and network, by pipes or in a terminal of its own. It is a process group like every other
// of the mesh: nothing of it outlives the mesh, and whoever asked for it may leave.
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { PassThrough } from 'node:stream';
import type { ExecRequest, ExecSession, VerbFailure } from '#admin/client/verbs.ts';
import { findRun } from '#app/verbs/find-pod.ts';
import type { LiveMesh } from '#app/verbs/live-mesh.ts';
import { inTerminal, resizeTerminal } from '#app/verbs/terminal.ts';
import { closest } from '#base/closest.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { explainSpawnError, type ProcessSpec } from '#runtime/child-process.ts';
import type { PodRun } from '#runtime/pod-run.ts';
import { sidecarContainer } from '#runtime/sidecar-container.ts';
import type { Watchdog } from '#runtime/watchdog.ts';

export function execInPod(request: ExecRequest, live: LiveMesh, watchdog: Pick<Watchdog, 'add' | 'drop'>): Result<ExecSession, VerbFailure> {
  const run = findRun({ kind: 'pod', name: request.pod, namespace: request.namespace }, live);
  if (!run.ok) return run;
  const spec = specFor(request, run.value);
  if (!spec.ok) return spec;
  const { terminal } = request;
  try {
    return ok(terminal === undefined ? start(spec.value, watchdog) : startInTerminal(spec.value, watchdog));
  } catch (error) {
    // What Node throws at once instead of telling it later: of words or variables that no program can be given.
    return failed({ status: 400, error: `cannot be started: ${explainSpawnError(error, spec.value)}` });
  }
}

function specFor({ container, command: [command = '', ...args], terminal }: ExecRequest, run: PodRun): Result<ProcessSpec, VerbFailure> {
  const { name } = run.plan.pod.metadata;
  const found =
    container === undefined
      ? (run.containers.find(({ state }) => state.kind === 'running') ?? run.containers[0])
      : run.containers.find((one) => one.name === container);
  const wanted = terminal === undefined ? { command, args, env: {} } : inTerminal(command, args, terminal);
  if (found !== undefined) return ok(withVariables(found.beside(wanted.command, wanted.args), wanted.env));
  if (container === undefined || container === sidecarContainer) return ok(withVariables(run.besideProxy(wanted.command, wanted.args), wanted.env));
  const known = [...run.plan.containers.map((one) => one.container.name), sidecarContainer];
  const near = closest(container, known);
  const isPlanned = known.includes(container);
  const error = isPlanned ? `container ${container} of ${name} has not been started yet` : `${name} has no container ${container}`;
  return failed({
    status: isPlanned ? 409 : 404,
    error,
    hint: near === undefined || isPlanned ? `it has: ${known.join(', ')}` : `did you mean ${near}?`,
  });
}

function withVariables(spec: ProcessSpec, env: Readonly<Record<string, string>>): ProcessSpec {
  return { ...spec, env: { ...spec.env, ...env } };
}

function start(spec: ProcessSpec, watchdog: Pick<Watchdog, 'add' | 'drop'>): ExecSession {
  const child = spawn(spec.command, spec.args, { cwd: spec.cwd, env: spec.env, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  return {
    input: child.stdin,
    output: child.stdout,
    errors: child.stderr,
    ended: follow(child, spec.command, watchdog),
    resize: () => {},
    signal: (signal) => signalGroup(child, signal),
  };
}

function startInTerminal(spec: ProcessSpec, watchdog: Pick<Watchdog, 'add' | 'drop'>): ExecSession {
  const child = spawn(spec.command, spec.args, { cwd: spec.cwd, env: spec.env, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  // script(1) itself complains here when it cannot do its work.
  const output = new PassThrough();
  let open = 2;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      if (!output.write(bytes)) {
        stream.pause();
        output.once('drain', () => stream.resume());
      }
    });
    stream.once('close', () => {
      open -= 1;
      if (open === 0) output.end();
    });
  }
  return {
    input: child.stdin,
    output,
    ended: follow(child, spec.command, watchdog),
    resize: (rows, columns) => resizeTerminal(child.pid, rows, columns),
    signal: (signal) => signalGroup(child, signal),
  };
}

function follow(child: ChildProcess, command: string, watchdog: Pick<Watchdog, 'add' | 'drop'>): ExecSession['ended'] {
  const { pid } = child;
  if (pid !== undefined) watchdog.add(pid);
  return new Promise((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'ENOENT' ? `there is no program ${command}` : error.message;
      resolve({ code: error.code === 'EACCES' ? 126 : 127, reason });
    });
    child.once('exit', (code, signal) => {
      signalGroup(child, 'SIGKILL');
      if (pid !== undefined) watchdog.drop(pid);
      resolve({ code: code ?? 128 + (signal === null ? 0 : constants.signals[signal]) });
    });
  });
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended.
  }
}
