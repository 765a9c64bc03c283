// `heddle proxy`: one proxy in the foreground: the embedded one, configured by an xDS server or by an Envoy bootstrap, or a real Envoy.
import { Command } from 'commander';
import { proxyEnvironment, proxyProgram } from '#app/proxy-program.ts';

type Options = {
  readonly config?: string;
  readonly xds?: string;
  readonly node?: string;
  readonly metadata?: string;
  readonly workloadGroup?: string;
  readonly tokenFile?: string;
  readonly caRoots?: string;
  readonly adminPort?: string;
  readonly metricsPorts?: string;
  readonly logFile?: string;
  readonly logLevel?: string;
  readonly envoy?: boolean;
};

const examples = `
The bootstrap is Envoy's, in YAML or JSON: static listeners and clusters, TLS from files, access logs, RBAC, or ADS. A field that this
proxy does not honour is an error that names it. Without --token-file a proxy has no identity: it takes and calls nothing by mutual TLS.
Keys are ECDSA; WORKLOAD_RSA_KEY_SIZE=2048 (3072, 4096) in the environment asks for RSA. SIGTERM and Ctrl-C let requests end (5 s at
most); a second one ends at once.

With --workload-group a proxy is registered in that group for as long as it is connected, and probes the app as the group's probe says: others
are sent to it only while the app is well.

Examples:
  heddle proxy -c envoy.yaml
  heddle proxy --xds 127.0.0.1:15010 --node 'sidecar~10.0.0.1~hello-v1.default~default.svc.cluster.local' --admin-port 15000
  heddle proxy --xds 10.0.0.5:15012 --node 'sidecar~10.0.0.9~vm.default~default.svc.cluster.local' --token-file token --ca-roots root-cert.pem
  heddle proxy --xds 10.0.0.5:15012 --node 'sidecar~10.0.0.9~vm.default~default.svc.cluster.local' --token-file token --ca-roots root-cert.pem --workload-group vm.yaml
  heddle proxy --xds 127.0.0.1:15010 --node 'router~10.0.0.2~gw.istio-system~istio-system.svc.cluster.local' --metadata '{"NAMESPACE":"istio-system"}'
`;

export function proxyCommand(): Command {
  return new Command('proxy')
    .description('Runs one proxy until it is told to stop.')
    .option('-c, --config <file>', 'Envoy bootstrap, YAML or JSON')
    .option('--xds <host:port>', 'take all configuration from this xDS server (ADS)')
    .option('--node <id>', 'who this proxy is, as the xDS server knows it (with --xds)')
    .option('--metadata <json>', 'node metadata, a JSON object (with --xds)')
    .option('--workload-group <file>', 'YAML of the WorkloadGroup that this proxy registers itself in; it probes the app as that says (with --xds)')
    .option('--token-file <file>', 'the token that says who this proxy is (with --xds; see heddle token): it gets a certificate and mutual TLS by it')
    .option('--ca-roots <file>', "PEM of the roots that the control plane's certificate is held against (with --token-file)")
    .option('--admin-port <port>', 'serve the admin endpoints on this port of 127.0.0.1, 0 for a free one')
    .option('--metrics-ports <ports>', 'serve /stats/prometheus on these ports of 127.0.0.1, such as 15020,15090')
    .option('--log-file <file>', 'append log lines to this file instead of standard error')
    .option('--log-level <level>', 'debug, info, warn or error', 'info')
    .option('--envoy', 'run a real Envoy in place of the embedded proxy (with --xds): the one that ENVOY_BIN names, or else `envoy`')
    .addHelpText('after', examples)
    .action(async (options: Options) => {
      if (options.envoy === true) return runEnvoy(options);
      const given = [
        ['--config', options.config],
        ['--xds', options.xds],
        ['--node', options.node],
        ['--metadata', options.metadata],
        ['--workload-group', options.workloadGroup],
        ['--token-file', options.tokenFile],
        ['--ca-roots', options.caRoots],
        ['--admin-port', options.adminPort],
        ['--metrics-ports', options.metricsPorts],
        ['--log-file', options.logFile],
        ['--log-level', options.logLevel],
      ].flatMap(([name, value]) => (name === undefined || value === undefined ? [] : [`${name}=${value}`]));
      become([...proxyProgram(), ...given]);
    });
}

async function runEnvoy({ config, node, caRoots, workloadGroup, ...rest }: Options): Promise<void> {
  const { runEnvoyAgent } = await import('#app/envoy-agent.ts');
  const options = { ...rest, bootstrapFile: config, nodeId: node, rootsFile: caRoots, workloadGroupFile: workloadGroup, environment: process.env };
  process.exitCode = await runEnvoyAgent(options, (line) => process.stderr.write(`heddle proxy: ${line}\n`));
}

/** This process turns into the proxy: same pid, same signals, and nothing of the command line left in memory. */
function become(args: readonly string[]): void {
  if (process.execve === undefined) throw new Error('this Node cannot replace its own process');
  process.execve(process.execPath, [process.execPath, ...args], proxyEnvironment(process.env));
}
