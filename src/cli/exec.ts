// `heddle exec POD -- CMD`: a command in a container's environment, folder and network. Its exit code is ours.
import type { Duplex } from 'node:stream';
import { Command } from 'commander';
import { upgrade } from '#admin/client/client.ts';
import { FrameReader, readControl, sendControl, sendFrame } from '#admin/client/frames.ts';
import { execProtocol } from '#admin/client/protocols.ts';
import type { ExecRequest } from '#admin/client/verbs.ts';
import { fail } from '#cli/style.ts';
import { targetOf, tellFailure, type VerbOptions, withVerbOptions } from '#cli/verb.ts';

type ExecOptions = VerbOptions & { readonly container?: string; readonly stdin?: true; readonly tty?: true };

const help = `
The command runs as the container's program does: its variables, its folder, its network. Without -i it reads nothing. With -t it has a terminal
of its own, where standard input is one. \`-c istio-proxy\` is where the pod's proxy is.

Examples:
  heddle exec reviews-v1-0 -- env
  heddle exec -it ratings-v1-0 -- bash
  echo 'select 1' | heddle exec -i postgres-0 -- psql
`;

export function execCommand(): Command {
  return withVerbOptions(new Command('exec'))
    .description('Runs a command in a container of a pod.')
    .argument('<pod>', 'POD or pod/POD')
    .argument('<command...>', 'program and arguments, after --')
    .option('-c, --container <name>', 'which container; the first one unless said')
    .option('-i, --stdin', 'pass on what is typed or piped in')
    .option('-t, --tty', 'in a terminal, where standard input is one')
    .addHelpText('after', help)
    .action(exec);
}

async function exec(pod: string, command: readonly string[], options: ExecOptions): Promise<void> {
  const target = targetOf(options);
  if (target === undefined) return;
  const isTerminal = options.tty === true && process.stdin.isTTY;
  if (options.tty === true && !isTerminal) process.stderr.write('heddle: standard input is no terminal, so the command gets none\n');
  const request: ExecRequest = {
    pod: pod.replace(/^pods?\//, ''),
    namespace: options.namespace,
    command,
    ...(options.container !== undefined && { container: options.container }),
    ...(isTerminal && { terminal: { name: process.env['TERM'] ?? 'xterm', rows: process.stdout.rows, columns: process.stdout.columns } }),
  };
  const opened = await upgrade(target, '/exec', execProtocol, request);
  if (!opened.ok) {
    tellFailure(opened.error);
    return;
  }
  await carry(opened.value, { isTerminal, readsInput: options.stdin === true });
}

async function carry(socket: Duplex, { isTerminal, readsInput }: { readonly isTerminal: boolean; readonly readsInput: boolean }): Promise<void> {
  const stops: (() => void)[] = [];
  if (isTerminal) stops.push(useTerminal(socket));
  else stops.push(passSignals(socket));
  if (readsInput) stops.push(passInput(socket));
  else sendFrame(socket, 'input', Buffer.alloc(0));
  const reader = new FrameReader();
  let code: number | undefined;
  socket.on('data', (bytes: Buffer) => {
    for (const { kind, bytes: part } of reader.take(bytes)) {
      if (kind === 'control') {
        const message = readControl(part);
        if (message?.kind !== 'ended') continue;
        code = message.code;
        if (message.reason !== undefined) fail(message.reason);
        continue;
      }
      const to = kind === 'errors' ? process.stderr : process.stdout;
      if (!to.write(part)) {
        socket.pause();
        to.once('drain', () => socket.resume());
      }
    }
  });
  await new Promise<void>((resolve) => {
    socket.once('close', resolve);
    socket.once('error', () => socket.destroy());
    socket.once('end', () => socket.end());
  });
  for (const stop of stops) stop();
  if (code === undefined) fail('the connection to the mesh broke before the command had ended', { exitCode: 1 });
  else process.exitCode = code;
}

/** What is typed goes over as it is: the other terminal makes of Ctrl-C what it makes of it. */
function useTerminal(socket: Duplex): () => void {
  const resized = (): void => sendControl(socket, { kind: 'size', rows: process.stdout.rows, columns: process.stdout.columns });
  process.stdin.setRawMode(true);
  process.stdout.on('resize', resized);
  return () => {
    process.stdin.setRawMode(false);
    process.stdout.off('resize', resized);
  };
}

function passSignals(socket: Duplex): () => void {
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const listeners = names.map((signal) => [signal, () => sendControl(socket, { kind: 'signal', signal })] as const);
  for (const [signal, listener] of listeners) process.on(signal, listener);
  return () => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
}

function passInput(socket: Duplex): () => void {
  const { stdin } = process;
  const onData = (bytes: Buffer): void => {
    if (sendFrame(socket, 'input', bytes)) return;
    stdin.pause();
    socket.once('drain', () => stdin.resume());
  };
  stdin.on('data', onData);
  stdin.once('end', () => sendFrame(socket, 'input', Buffer.alloc(0)));
  return () => {
    stdin.off('data', onData);
    stdin.pause();
    stdin.unref();
  };
}
