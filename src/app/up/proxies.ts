// Which proxies a mesh on this machine has: a process of ours for each, one for all of them, or Envoys.
import { join } from 'node:path';
import { type EmbeddedProxyOptions, embeddedProxies } from '#app/embedded-proxy.ts';
import type { UpOptions } from '#app/up/options.ts';
import type { Logger } from '#base/logger.ts';
import type { StartProxy } from '#runtime/proxy-process.ts';

export type MeshProxiesOptions = EmbeddedProxyOptions &
  Pick<UpOptions, 'dataPlane' | 'proxies' | 'stateFolder'> & { readonly envoyBinary?: string | undefined; readonly logger: Logger };

/** What the usual start does not need is loaded when it is asked for. */
export async function meshProxies(options: MeshProxiesOptions): Promise<StartProxy> {
  const { dataPlane, proxies, envoyBinary, stateFolder } = options;
  if (dataPlane === 'envoy' && envoyBinary !== undefined) {
    const { envoyProxies } = await import('#app/envoy-proxy.ts');
    return envoyProxies({ ...options, binary: envoyBinary, workFolder: join(stateFolder, 'envoy') });
  }
  if (proxies === 'each') return embeddedProxies(options);
  const { sharedProxies } = await import('#app/shared-proxies.ts');
  return sharedProxies({ ...options, logFile: join(stateFolder, 'logs', 'proxies.log') });
}
