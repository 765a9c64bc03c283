// The proxy of a test's pod, as the runtime would start it: in the pod's namespaces, bound to the proxy's address.
import { fileURLToPath } from 'node:url';
import { nodeAddress, type TestPod } from '#test/netns/namespaces.ts';
import { type RunningProcess, startProcess } from '#test/support/start-process.ts';

export type PodProxyOptions = {
  /** Its program; undefined: the embedded proxy. */
  readonly envoy: string | undefined;
  readonly target: string;
  readonly tokenFile: string;
  readonly rootsFile: string;
  readonly folder: string;
  readonly more?: readonly string[];
};

export function startPodProxy(pod: TestPod, { envoy, target, tokenFile, rootsFile, folder, more = [] }: PodProxyOptions): Promise<RunningProcess> {
  const { name, address, proxyAddress = '' } = pod.spec;
  const who = { NAMESPACE: 'default', LABELS: { app: name }, INSTANCE_IPS: address, SERVICE_ACCOUNT: 'default' };
  const metadata = { ...who, INTERCEPTION_MODE: 'REDIRECT', DNS_CAPTURE: 'true', DNS_AUTO_ALLOCATE: 'true' };
  const main = envoy === undefined ? '../../src/app/proxy-main.ts' : '../../src/app/agent-main.ts';
  const [command, ...enter] = pod.enter;
  const args = [
    ...[...enter, process.execPath, fileURLToPath(new URL(main, import.meta.url)), '--xds', target],
    ...['--node', `sidecar~${address}~${name}.default~default.svc.cluster.local`, '--metadata', JSON.stringify(metadata)],
    ...['--token-file', tokenFile, '--ca-roots', rootsFile, '--admin-port', '15000', '--bind-source', proxyAddress],
    ...['--dns', '127.0.0.1:15053', '--dns-upstream', `${nodeAddress}:53`],
    ...(envoy === undefined ? [] : ['--envoy', envoy, '--work-folder', `${folder}/${name}`]),
    ...more,
  ];
  return startProcess({ command, args, ready: /info ready\b/, readyTimeoutMs: 20_000 });
}
