// What a pod's app may call through a port of its own sidecar: the services of its namespace, under the name that their variables have.
import type { ResourcesByKind } from '#api/kinds.ts';
import { parseIp } from '#base/cidr.ts';

export type CalledHost = {
  /** `hello.default.svc.cluster.local`, or a host of a ServiceEntry. */
  readonly hostname: string;
  /** `hello`, or the host itself. */
  readonly name: string;
  /** Its ClusterIP, where it has one. */
  readonly address?: string;
  readonly ports: readonly { readonly name: string; readonly number: number }[];
};

/**
 * ServiceEntries (not their wildcards, which name nobody in particular) before Services, so that a Service's variables win. TCP ports only; an
 * ExternalName Service has the ports it lists.
 */
export function calledHosts(
  namespace: string,
  { Service, ServiceEntry }: Pick<ResourcesByKind, 'Service' | 'ServiceEntry'>,
  domain: string,
): readonly CalledHost[] {
  const entries = [...ServiceEntry.values()].filter(({ metadata }) => metadata.namespace === namespace);
  const services = [...Service.values()].filter(({ metadata }) => metadata.namespace === namespace);
  return [
    ...entries.flatMap(({ spec }) => {
      const ports = (spec.ports ?? []).filter(({ protocol }) => protocol?.toUpperCase() !== 'UDP').map(({ name, number }) => ({ name, number }));
      const hosts = spec.hosts.filter((host) => !host.startsWith('*')).map((host) => host.toLowerCase());
      return hosts.map((host) => ({ hostname: host, name: host, ports }));
    }),
    ...services.map(({ metadata, spec }) => ({
      hostname: `${metadata.name}.${metadata.namespace}.svc.${domain}`,
      name: metadata.name,
      ...(spec.clusterIP !== undefined && isAddress(spec.clusterIP) && { address: spec.clusterIP }),
      ports: (spec.ports ?? []).filter(({ protocol }) => (protocol ?? 'TCP') === 'TCP').map(({ name = '', port }) => ({ name, number: port })),
    })),
  ];
}

/** Neither `None` nor empty. */
function isAddress(clusterIP: string): boolean {
  return parseIp(clusterIP) !== undefined;
}
