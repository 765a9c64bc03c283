// The command `heddle`: one literal list of commands, each in a file of its own that is loaded when it is asked for. Exit codes: 0 fine,
// 1 findings, 2 usage or unreadable input.
import { Command, CommanderError } from 'commander';
import { closest } from '#base/closest.ts';

type CommandEntry = { readonly name: string; readonly summary: string; readonly load: () => Promise<Command> };

const commands: readonly CommandEntry[] = [
  {
    name: 'up',
    summary: 'run the mesh of these YAML files on this machine, and follow their changes',
    load: async () => (await import('#cli/up.ts')).upCommand(),
  },
  {
    name: 'status',
    summary: 'what runs: workloads, gateway and admin addresses',
    load: async () => (await import('#cli/status.ts')).statusCommand(),
  },
  { name: 'logs', summary: 'the output of a workload or of its proxy', load: async () => (await import('#cli/logs.ts')).logsCommand() },
  { name: 'get', summary: 'resources of the running mesh, as a table or as YAML', load: async () => (await import('#cli/get.ts')).getCommand() },
  {
    name: 'describe',
    summary: 'everything about one resource: state, ports, policies, findings, events',
    load: async () => (await import('#cli/describe.ts')).describeCommand(),
  },
  { name: 'exec', summary: 'run a command in a container of a pod', load: async () => (await import('#cli/exec.ts')).execCommand() },
  {
    name: 'run',
    summary: 'run a command as a workload of the running mesh, from this terminal',
    load: async () => (await import('#cli/run.ts')).runCommand(),
  },
  {
    name: 'port-forward',
    summary: 'lead ports of this machine into a pod, past its proxy',
    load: async () => (await import('#cli/port-forward.ts')).portForwardCommand(),
  },
  {
    name: 'load',
    summary: 'send requests at a constant rate, and say how long they took',
    load: async () => (await import('#cli/load.ts')).loadCommand(),
  },
  { name: 'apply', summary: 'put resources into the running mesh, over its files', load: async () => (await import('#cli/apply.ts')).applyCommand() },
  { name: 'delete', summary: 'take back what was applied, or start a pod anew', load: async () => (await import('#cli/delete.ts')).deleteCommand() },
  { name: 'scale', summary: 'set how many pods a Deployment has', load: async () => (await import('#cli/scale.ts')).scaleCommand() },
  {
    name: 'rollout',
    summary: 'replace the pods of a Deployment, and say how far that is',
    load: async () => (await import('#cli/rollout.ts')).rolloutCommand(),
  },
  {
    name: 'analyze',
    summary: 'find mistakes in YAML files, with the place and the fix of each',
    load: async () => (await import('#cli/analyze.ts')).analyzeCommand(),
  },
  {
    name: 'authz',
    summary: 'who may call a workload, and which policy says so',
    load: async () => (await import('#cli/authz.ts')).authzCommand(),
  },
  {
    name: 'dns',
    summary: 'what a name comes to for an app, and which line says so',
    load: async () => (await import('#cli/dns.ts')).dnsCommand(),
  },
  {
    name: 'compile',
    summary: 'what a proxy is told: the mesh, or its Envoy configuration',
    load: async () => (await import('#cli/compile.ts')).compileCommand(),
  },
  {
    name: 'control-plane',
    summary: 'serve Envoy configuration (xDS) made from YAML files',
    load: async () => (await import('#cli/control-plane.ts')).controlPlaneCommand(),
  },
  {
    name: 'proxy',
    summary: 'run one embedded proxy, from xDS or an Envoy bootstrap',
    load: async () => (await import('#cli/proxy.ts')).proxyCommand(),
  },
  {
    name: 'ca',
    summary: 'the certificate authority: show it, make one, change its root',
    load: async () => (await import('#cli/ca.ts')).caCommand(),
  },
  {
    name: 'token',
    summary: 'tokens by which workloads prove who they are',
    load: async () => (await import('#cli/token.ts')).tokenCommand(),
  },
  {
    name: 'version',
    summary: 'the version of Heddle and of the Node that runs it',
    load: async () => (await import('#cli/version.ts')).versionCommand(),
  },
];

const examples = `
Examples:
  heddle up examples/hello              run the example, with an ingress gateway on port 8080
  heddle analyze my-mesh/               what is wrong with these files?
  heddle compile my-mesh/ --proxy hello-v1.default
  heddle help up                        options and examples of one command

Exit codes: 0 fine, 1 findings, 2 usage or unreadable input.
`;

/** Runs one command line (without `node` and the script). Resolves with the exit code when the command has ended. */
export async function main(args: readonly string[]): Promise<number> {
  const program = new Command('heddle')
    .description('A service mesh that speaks Istio, on your machine')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', examples)
    .exitOverride()
    .configureOutput({ outputError: () => {} });
  const wanted = args[0] === 'help' ? args[1] : args[0];
  const isVersion = args[0] === '--version' || args[0] === '-V';
  const known = commands.find(({ name }) => name === (isVersion ? 'version' : wanted));
  if (known === undefined) {
    if (wanted !== undefined && !wanted.startsWith('-')) return unknownCommand(wanted);
    for (const { name, summary } of commands) program.command(name).description(summary);
    if (args.length === 0) {
      program.outputHelp();
      return 2;
    }
  } else {
    program.addCommand(inherit(await known.load(), program));
  }
  try {
    await program.parseAsync(isVersion ? ['version'] : args, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return endOf(error, known?.name);
    throw error;
  }
}

/** Settings that commander gives to commands made by `.command()`, for one that was made on its own. */
function inherit(command: Command, program: Command): Command {
  for (const one of [command, ...command.commands]) one.copyInheritedSettings(program).helpOption('-h, --help', 'show this help');
  return command;
}

/** Help and version end with an "error" of code 0; anything else is a mistake in the command line. */
function endOf(error: CommanderError, command: string | undefined): number {
  if (error.exitCode === 0) return 0;
  // The help that comes when a command of several parts is called without one.
  if (error.code === 'commander.help') return 2;
  const message = error.message.replace(/^error: /, '');
  process.stderr.write(`heddle: ${message}\n  try: heddle ${command === undefined ? '' : `${command} `}--help\n`);
  return 2;
}

function unknownCommand(name: string): number {
  const near = closest(
    name,
    commands.map((command) => command.name),
  );
  const hint = near === undefined ? 'try: heddle --help' : `did you mean: heddle ${near}?`;
  process.stderr.write(`heddle: there is no command ${name}\n  ${hint}\n`);
  return 2;
}
