// Names as users write them, resolved in the namespace of the resource that writes them. Source: Istio, ResolveShortnameToFQDN and
// resolveGatewayName.
import type { Origin } from '#base/origin.ts';
import type { HostReference } from '#model/host-reference.ts';

/** `hello` is `hello.<namespace>.svc.<domain>`; a name with a dot, or a wildcard, is what it is. Lower case. */
export function resolveHost(written: string, namespace: string, domain: string, origin: Origin): HostReference {
  const host = written.toLowerCase();
  const isShort = host !== '*' && !host.includes('.') && !host.startsWith('*');
  return { written, hostname: isShort ? serviceHostname(host, namespace, domain) : host, origin };
}

/** `hello.default.svc.cluster.local`. */
export function serviceHostname(name: string, namespace: string, domain: string): string {
  return `${name}.${namespace}.svc.${domain}`;
}

/** `mesh`, or a Gateway as `namespace/name`: written so, as `./name`, as `name`, or as `name.namespace…`. */
export function resolveGateway(written: string, namespace: string): string {
  if (written === 'mesh') return written;
  if (written.startsWith('./')) return `${namespace}/${written.slice(2)}`;
  if (written.includes('/')) return written;
  const [name = written, ownNamespace = namespace] = written.split('.');
  return `${ownNamespace}/${name}`;
}
