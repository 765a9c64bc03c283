// The command lines of the programs beside a workload: the embedded proxy, and the agent of an Envoy. No command-line framework, so that little is loaded.
import { parseArgs } from 'node:util';
import type { ProxyProcessOptions } from '#app/proxy-process-options.ts';

const ofBoth = {
  xds: { type: 'string' },
  node: { type: 'string' },
  metadata: { type: 'string' },
  'token-file': { type: 'string' },
  'ca-roots': { type: 'string' },
  'admin-port': { type: 'string' },
  'metrics-ports': { type: 'string' },
  'bind-source': { type: 'string' },
  dns: { type: 'string' },
  'dns-upstream': { type: 'string' },
  'host-socket': { type: 'string', multiple: true },
  'log-level': { type: 'string' },
} as const;

const ofProxy = {
  config: { type: 'string', short: 'c' },
  'workload-group': { type: 'string' },
  'log-file': { type: 'string' },
  'ready-fd': { type: 'string' },
} as const;
const ofAgent = { envoy: { type: 'string' }, 'work-folder': { type: 'string' }, concurrency: { type: 'string' } } as const;

export type ProxyArguments = ProxyProcessOptions & {
  /** A descriptor of this process that gets a byte when the proxy serves. */
  readonly readyDescriptor: number | undefined;
};

/** Throws where there is an option that the program does not have. */
export function readProxyArguments(args: readonly string[]): ProxyArguments {
  const { values } = parseArgs({ args: [...args], options: { ...ofBoth, ...ofProxy } });
  const ready = values['ready-fd'];
  return {
    ...common(values),
    bootstrapFile: values.config,
    workloadGroupFile: values['workload-group'],
    logFile: values['log-file'],
    readyDescriptor: ready === undefined ? undefined : Number(ready),
  };
}

export type AgentArguments = ProxyProcessOptions & {
  readonly binary: string | undefined;
  readonly workFolder: string | undefined;
  readonly concurrency: number;
};

/** Likewise. */
export function readAgentArguments(args: readonly string[]): AgentArguments {
  const { values } = parseArgs({ args: [...args], options: { ...ofBoth, ...ofAgent } });
  return { ...common(values), binary: values.envoy, workFolder: values['work-folder'], concurrency: Number(values.concurrency ?? '1') };
}

type Values = { readonly [Name in Exclude<keyof typeof ofBoth, 'host-socket'>]?: string } & { readonly 'host-socket'?: string[] };

function common(values: Values): ProxyProcessOptions {
  return {
    xds: values.xds,
    nodeId: values.node,
    metadata: values.metadata,
    tokenFile: values['token-file'],
    rootsFile: values['ca-roots'],
    adminPort: values['admin-port'],
    metricsPorts: values['metrics-ports'],
    bindSource: values['bind-source'],
    dns: values.dns,
    dnsUpstream: values['dns-upstream'],
    hostSockets: values['host-socket'],
    logLevel: values['log-level'],
  };
}
