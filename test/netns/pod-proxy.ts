// The proxy of a test's pod, as the runtime would start it: in the pod's namespaces, bound to the proxy's address.
import { fileURLToPath } from 'node:url';
import type { TestPod } from '#test/netns/namespaces.ts';
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
  const metadata = { NAMESPACE: 'default', LABELS: { app: name }, INSTANCE_IPS: address, INTERCEPTION_MODE: 'REDIRECT', SERVICE_ACCOUNT: 'default' };
  const main = envoy === undefined ? '../../src/app/proxy-main.ts' : '../../src/app/agent-main.ts';
  const [command, ...enter] = pod.enter;
  const args = [
    ...[...enter, process.execPath, fileURLToPath(new URL(main, import.meta.url)), '--xds', target],
    ...['--node', `sidecar~${address}~${name}.default~default.svc.cluster.local`, '--metadata', JSON.stringify(metadata)],
    ...['--token-file', tokenFile, '--ca-roots', rootsFile, '--admin-port', '15000', '--bind-source', proxyAddress],
    ...(envoy === undefined ? [] : ['--envoy', envoy, '--work-folder', `${folder}/${name}`]),
    ...more,
  ];
  return startProcess({ command, args, ready: /info ready\b/, readyTimeoutMs: 20_000 });
}
