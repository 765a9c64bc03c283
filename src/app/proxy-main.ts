// The program of one embedded proxy, as `heddle up` starts it beside each workload: no command-line framework, so that little is loaded.
import { parseArgs } from 'node:util';
import { runProxyProcess } from '#app/proxy-process.ts';

const { values } = parseArgs({
  options: {
    config: { type: 'string', short: 'c' },
    xds: { type: 'string' },
    node: { type: 'string' },
    metadata: { type: 'string' },
    'workload-group': { type: 'string' },
    'token-file': { type: 'string' },
    'ca-roots': { type: 'string' },
    'admin-port': { type: 'string' },
    'bind-source': { type: 'string' },
    dns: { type: 'string' },
    'dns-upstream': { type: 'string' },
    'host-socket': { type: 'string', multiple: true },
    'log-file': { type: 'string' },
    'log-level': { type: 'string' },
  },
});

const code = await runProxyProcess(
  {
    bootstrapFile: values.config,
    xds: values.xds,
    nodeId: values.node,
    metadata: values.metadata,
    workloadGroupFile: values['workload-group'],
    tokenFile: values['token-file'],
    rootsFile: values['ca-roots'],
    adminPort: values['admin-port'],
    bindSource: values['bind-source'],
    dns: values.dns,
    dnsUpstream: values['dns-upstream'],
    hostSockets: values['host-socket'],
    logFile: values['log-file'],
    logLevel: values['log-level'],
    environment: process.env,
  },
  (line) => process.stderr.write(`heddle proxy: ${line}\n`),
);
process.exit(code);
