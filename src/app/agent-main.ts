// The program of the agent of one Envoy, as `heddle up` starts it in the network of a pod: no command-line framework, so that little is loaded.
import { parseArgs } from 'node:util';
import { runEnvoyAgent } from '#app/envoy-agent.ts';

const { values } = parseArgs({
  options: {
    xds: { type: 'string' },
    node: { type: 'string' },
    metadata: { type: 'string' },
    'token-file': { type: 'string' },
    'ca-roots': { type: 'string' },
    'admin-port': { type: 'string' },
    'bind-source': { type: 'string' },
    dns: { type: 'string' },
    'dns-upstream': { type: 'string' },
    'host-socket': { type: 'string', multiple: true },
    envoy: { type: 'string' },
    'work-folder': { type: 'string' },
    concurrency: { type: 'string' },
    'log-level': { type: 'string' },
  },
});

const { envoy: binary, 'work-folder': workFolder } = values;
const warn = (line: string): void => void process.stderr.write(`heddle agent: ${line}\n`);
if (binary === undefined || workFolder === undefined) {
  warn('needs --envoy PROGRAM and --work-folder FOLDER');
  process.exit(2);
}
const code = await runEnvoyAgent(
  {
    xds: values.xds,
    nodeId: values.node,
    metadata: values.metadata,
    tokenFile: values['token-file'],
    rootsFile: values['ca-roots'],
    adminPort: values['admin-port'],
    bindSource: values['bind-source'],
    dns: values.dns,
    dnsUpstream: values['dns-upstream'],
    hostSockets: values['host-socket'],
    logLevel: values['log-level'],
    environment: process.env,
  },
  warn,
  { binary, workFolder, concurrency: Number(values.concurrency ?? '1') },
);
process.exit(code);
