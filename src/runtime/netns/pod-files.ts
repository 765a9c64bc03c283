// The files that a pod sees in place of this machine's: resolv.conf, hosts and hostname, as a kubelet writes them. Pure.
import type { KindMap } from '#api/kinds.ts';

export type PodFiles = { readonly hostname: string; readonly resolv: string; readonly hosts: string };

/** Pod.spec.dnsPolicy ClusterFirst and dnsConfig; hostAliases; hostname and subdomain: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/ */
export function podFiles({ metadata, spec }: KindMap['Pod'], addresses: readonly string[], nameserver: string, domain: string): PodFiles {
  const hostname = (spec.hostname ?? metadata.name).slice(0, 63);
  return {
    hostname,
    resolv: resolvConf(metadata.namespace, spec, nameserver, domain),
    hosts: hostsFile(hostname, metadata.namespace, spec, addresses, domain),
  };
}

type Spec = KindMap['Pod']['spec'];

function resolvConf(namespace: string, { dnsConfig, dnsPolicy }: Spec, nameserver: string, domain: string): string {
  const isOwn = dnsPolicy === 'None';
  const servers = [...(isOwn ? [] : [nameserver]), ...(dnsConfig?.nameservers ?? [])];
  const searches = [...(isOwn ? [] : [`${namespace}.svc.${domain}`, `svc.${domain}`, domain]), ...(dnsConfig?.searches ?? [])];
  const options = new Map<string, string | undefined>(isOwn ? [] : [['ndots', '5']]);
  for (const { name, value } of dnsConfig?.options ?? []) if (name !== undefined) options.set(name, value);
  const written = [...options].map(([name, value]) => (value === undefined ? name : `${name}:${value}`));
  return [
    ...(searches.length === 0 ? [] : [`search ${searches.join(' ')}`]),
    ...servers.map((server) => `nameserver ${server}`),
    ...(written.length === 0 ? [] : [`options ${written.join(' ')}`]),
    '',
  ].join('\n');
}

function hostsFile(hostname: string, namespace: string, { subdomain, hostAliases }: Spec, addresses: readonly string[], domain: string): string {
  const own = subdomain === undefined ? hostname : `${hostname}.${subdomain}.${namespace}.svc.${domain} ${hostname}`;
  return [
    '127.0.0.1 localhost',
    '::1 localhost ip6-localhost ip6-loopback',
    ...addresses.map((address) => `${address} ${own}`),
    ...(hostAliases ?? []).map(({ ip, hostnames }) => `${ip} ${(hostnames ?? []).join(' ')}`),
    '',
  ].join('\n');
}
