// `heddle port-forward POD|KIND/NAME LOCAL:REMOTE…`: ports of this machine that lead into a pod, past its proxy. Until Ctrl-C.
import { createServer, type Server } from 'node:net';
import { pipeline } from 'node:stream';
import { Command } from 'commander';
import { type AdminTarget, upgrade } from '#admin/client/client.ts';
import { forwardProtocol } from '#admin/client/protocols.ts';
import type { ForwardRequest, ResourceName } from '#admin/client/verbs.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { fail } from '#cli/style.ts';
import { targetOf, tellFailure, type VerbOptions, withVerbOptions } from '#cli/verb.ts';

type ForwardOptions = VerbOptions & { readonly address: string };
type Mapping = { /** 0 takes a free one. */ readonly local: number; readonly remote: string };

const help = `
PORT alone is LOCAL and REMOTE; :REMOTE takes a free local port. A REMOTE may be the name of a port. Of a Service the ports are its own. 15000 is
the admin interface of the pod's proxy.

Examples:
  heddle port-forward reviews-v1-0 9080
  heddle port-forward svc/reviews 8081:9080
  heddle port-forward deployment/postgres :5432
  heddle port-forward reviews-v1-0 15000
`;

export function portForwardCommand(): Command {
  return withVerbOptions(new Command('port-forward'))
    .description('Leads ports of this machine into a pod, past its proxy.')
    .argument('<resource>', 'POD, or KIND/NAME of a pod, Service or what has pods')
    .argument('<port...>', '[LOCAL:]REMOTE')
    .option('--address <ip>', 'where to listen', '127.0.0.1')
    .addHelpText('after', help)
    .action(forward);
}

async function forward(resource: string, ports: readonly string[], options: ForwardOptions): Promise<void> {
  const [kind = '', name = ''] = resource.includes('/') ? resource.split('/') : ['pod', resource];
  const mappings = ports.map(readMapping);
  const wrong = mappings.findIndex((mapping) => mapping === undefined);
  if (wrong !== -1) {
    fail(`${ports[wrong]} is no pair of ports`, { hint: 'as LOCAL:REMOTE, REMOTE or :REMOTE' });
    return;
  }
  const target = targetOf(options);
  if (target === undefined) return;
  const what: ResourceName = { kind, name, namespace: options.namespace };
  const servers: Server[] = [];
  for (const mapping of mappings) {
    if (mapping === undefined) continue;
    const opened = await open(target, what, mapping, options.address);
    if (!opened.ok) {
      fail(opened.error, { exitCode: 1 });
      for (const server of servers) server.close();
      return;
    }
    servers.push(opened.value);
  }
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, resolve);
  });
  process.exit(0); // connections that are open end with us
}

function readMapping(text: string): Mapping | undefined {
  const [, local, remote = ''] = /^(?:(\d*):)?([a-z0-9-]+)$/.exec(text) ?? [];
  if (remote === '') return undefined;
  const number = local === '' ? 0 : Number(local ?? remote);
  return Number.isInteger(number) && number >= 0 && number <= 65_535 ? { local: number, remote } : undefined;
}

async function open(target: AdminTarget, what: ResourceName, { local, remote }: Mapping, address: string): Promise<Result<Server, string>> {
  const request: ForwardRequest = { ...what, port: remote };
  // Tried once, so that a name or port that is not there is told at once.
  const tried = await upgrade(target, '/port-forward', forwardProtocol, request);
  if (!tried.ok && tried.error.status !== 409) return failed([tried.error.error, tried.error.hint].filter(Boolean).join('; '));
  if (tried.ok) tried.value.destroy();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    client.on('error', () => client.destroy());
    void upgrade(target, '/port-forward', forwardProtocol, request).then((opened) => {
      if (!opened.ok) {
        tellFailure(opened.error);
        process.exitCode = 0;
        client.destroy();
        return;
      }
      pipeline(client, opened.value, () => {});
      pipeline(opened.value, client, () => {});
    });
  });
  return new Promise((resolve) => {
    server.once('error', ({ message }) => resolve(failed(`port ${local} cannot be had: ${message}`)));
    server.listen(local, address, () => {
      const bound = server.address();
      const port = typeof bound === 'object' && bound !== null ? bound.port : local;
      process.stdout.write(`forwarding ${address.includes(':') ? `[${address}]` : address}:${port} -> ${what.kind}/${what.name} port ${remote}\n`);
      resolve(ok(server));
    });
  });
}
