// `heddle control-plane`: xDS made from YAML files, for any Envoy or embedded proxy that connects. Events go to standard error.
import { Command, InvalidArgumentError } from 'commander';
import { type AdminDoorFiles, readAdminDoor } from '#app/admin-door.ts';
import { serveFiles } from '#app/serve-files.ts';
import { type Diagnostic, formatDiagnostic } from '#base/diagnostic.ts';
import type { Logger, LogLevel } from '#base/logger.ts';
import { isLoopback } from '#base/loopback.ts';
import { withAdminOptions } from '#cli/admin-options.ts';
import { fail, paintFor } from '#cli/style.ts';

type Options = AdminDoorFiles & {
  readonly config: readonly string[];
  readonly address: string;
  readonly xdsPort: number;
  readonly ca?: string;
  readonly securePort?: number;
  readonly adminPort: number;
  readonly verbose?: boolean;
};

const help = `
Examples:
  heddle control-plane --config examples/hello
  heddle control-plane --config mesh/ --config more.yaml --xds-port 0
  heddle control-plane --config mesh/ --ca ca/ --address 0.0.0.0
  curl -s localhost:15014/status | jq .proxies      who is connected, and in step?

A proxy names itself by its node id, as Istio's do: sidecar~IP~POD.NAMESPACE~NAMESPACE.svc.cluster.local
With --ca, port 15012 takes proxies that send a token (heddle token create) or a certificate of the mesh, and nobody else;
without TLS, on port 15010, proxies of this machine are served, without certificates: they take and call nothing by mutual TLS, unless
their node metadata says that somebody else gives them an identity (HEDDLE_IDENTITY: agent).
It ends with Ctrl-C; proxies go on with what they have and come back when it does.
`;

export function controlPlaneCommand(): Command {
  const command = new Command('control-plane')
    .description('Serves Envoy configuration (xDS, delta and state of the world) made from YAML files, and follows their changes.')
    .requiredOption(
      '-c, --config <path>',
      'file or folder with YAML; may be given several times',
      (path: string, paths: readonly string[] | undefined) => [...(paths ?? []), path],
    )
    .option('--address <ip>', 'what xDS listens on; where other machines reach it, with TLS only (--ca)', '127.0.0.1')
    .option('--xds-port <port>', 'port for proxies, 0 for a free one', portNumber, 15010)
    .option('--ca <folder>', 'the certificate authority: proxies get certificates, and xDS with TLS for those who prove who they are (see heddle ca)')
    .option('--secure-port <port>', 'port for that, 0 for a free one (default: 15012)', portNumber)
    .option('--admin-port <port>', 'port for the admin API, 0 for a free one', portNumber, 15014);
  return withAdminOptions(command).option('-v, --verbose', 'say every connection').addHelpText('after', help).action(run);
}

async function run({ config, address, xdsPort, ca, securePort, adminPort, verbose, ...files }: Options): Promise<void> {
  if (securePort !== undefined && ca === undefined) {
    fail('--secure-port needs a certificate authority', { hint: 'say which folder has it, or shall have it: --ca FOLDER' });
    return;
  }
  const door = readAdminDoor(files);
  if (!door.ok) {
    fail(door.error.message, { hint: door.error.hint });
    return;
  }
  const started = await serveFiles({
    paths: config,
    address,
    xdsPort,
    ...(ca !== undefined && { secure: { folder: ca, port: securePort ?? 15012 } }),
    adminPort,
    adminDoor: door.value,
    logger: stderrLogger(verbose === true ? 'debug' : 'info'),
    onDiagnostics: diagnosticPrinter(),
  });
  if (!started.ok) {
    fail(started.error.message, { hint: started.error.hint, exitCode: 2 });
    return;
  }
  const { port, adminUrl } = started.value;
  const secured = started.value.securePort === undefined ? '' : `, with TLS on ${address}:${started.value.securePort}`;
  process.stdout.write(`xDS on ${isLoopback(address) ? address : '127.0.0.1'}:${port}${secured}, admin API on ${adminUrl}\n`);
  await untilStopped();
  await started.value.close();
}

/** The first signal ends this in order; commander's process has nothing else to do, so a second one kills as usual. */
function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    const stop = () => {
      process.removeListener('SIGINT', stop);
      process.removeListener('SIGTERM', stop);
      resolve();
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
  });
}

/** Prints what is new, and in one line how much is mended. */
function diagnosticPrinter(): (diagnostics: readonly Diagnostic[]) => void {
  const paint = paintFor(process.stderr);
  let before = new Set<string>();
  return (diagnostics) => {
    const now = new Set(diagnostics.map(formatDiagnostic));
    for (const text of now) if (!before.has(text)) process.stderr.write(`${text}\n`);
    const mended = [...before].filter((text) => !now.has(text)).length;
    if (mended > 0) process.stderr.write(`${paint.good('mended')}: ${mended} finding${mended === 1 ? '' : 's'}, ${now.size} left\n`);
    before = now;
  };
}

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

function stderrLogger(lowest: LogLevel): Logger {
  return {
    log: (level, message, fields = {}) => {
      if (levels.indexOf(level) < levels.indexOf(lowest)) return;
      const details = Object.entries(fields).flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${JSON.stringify(value)}`]));
      process.stderr.write(`${[level, message, ...details].join(' ')}\n`);
    },
  };
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new InvalidArgumentError('a port is a number from 0 to 65535.');
  return port;
}
