// `heddle up` in a network of its own is two processes: this one stays in the host's namespaces, starts the same command once more inside new ones,
// does for it what can only be done outside, and ends with it. Neither outlives the other: the channel between them tells of an end.
import { type ChildProcess, type SendHandle, spawn } from 'node:child_process';
import type { Egress, HostAnswer, HostNotice, HostRequest, InnerSettings } from '#app/up/host-protocol.ts';
import { answerRequest, type HandedOver, type HostMeans } from '#app/up/host-requests.ts';
import { systemClock } from '#base/clock.ts';
import type { AskUpstream } from '#dns/upstream.ts';
import { type NetnsMeans, outerCommand } from '#runtime/netns/availability.ts';

export type HostSideOptions = {
  /** The Node that runs this program, and what it runs: the script, the name of the command, its arguments. */
  readonly nodeProgram: string;
  readonly commandLine: readonly string[];
  readonly means: NetnsMeans;
  readonly user: InnerSettings['user'];
  readonly egress: Egress;
  readonly environment: NodeJS.ProcessEnv;
};

export type InnerEnd = { readonly kind: 'exit'; readonly code: number } | { readonly kind: 'signal' | 'not started'; readonly reason: string };

/** What asks name servers is loaded for the first question. */
function resolverWhenAsked(): HostMeans['resolver'] {
  let made: Promise<AskUpstream> | undefined;
  return () => {
    made ??= import('#app/up/host-resolver.ts').then(({ hostResolver }) => hostResolver(systemClock));
    return made;
  };
}

/** A young generation of 12 MB: what a start leaves behind is collected, not kept. Measured: 40 MB less at rest, in the same time. */
const nodeFlags: readonly string[] = ['--max-semi-space-size=4'];

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs the mesh inside to its end. Terminal and standard streams are its own; signals to this process are passed on. */
export async function runInside(options: HostSideOptions): Promise<InnerEnd> {
  const { means, user, egress, nodeProgram } = options;
  const settings: InnerSettings = { means, user, egress, startedAtMs: performance.timeOrigin };
  const [script = '', name = '', ...rest] = options.commandLine;
  const [command = '', ...args] = [...outerCommand(means), nodeProgram, ...nodeFlags, script, name, '--inside', JSON.stringify(settings), ...rest];
  const child = spawn(command, args, {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: options.environment,
    serialization: 'advanced',
    // A session of its own: Ctrl-C reaches this process alone, which says so once.
    detached: true,
  });
  const hostMeans: HostMeans = { egress, resolver: resolverWhenAsked() };
  const interrupt = (): void => tell(child, { kind: 'interrupted' });
  for (const signal of signals) process.on(signal, interrupt);
  child.on('message', (message) => {
    // Our own program sends them.
    void answerRequest(message as HostRequest, hostMeans, (answer, handle, sent) => tell(child, answer, handle, sent));
  });
  try {
    return await endOf(child);
  } finally {
    for (const signal of signals) process.off(signal, interrupt);
  }
}

/** A child that has just ended hears nothing any more, and needs nothing. */
function tell(child: ChildProcess, message: HostAnswer | HostNotice, handle?: HandedOver, sent?: () => void): void {
  if (!child.connected) {
    sent?.();
    return;
  }
  // Node sends raw handles too; its types do not say so.
  child.send(message, handle as SendHandle | undefined, {}, () => sent?.());
}

function endOf(child: ChildProcess): Promise<InnerEnd> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ kind: 'not started', reason: error.message }));
    child.once('exit', (code, signal) => resolve(signal === null ? { kind: 'exit', code: code ?? 1 } : { kind: 'signal', reason: signal }));
  });
}
