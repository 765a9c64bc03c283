// Several ServiceEntries of one namespace that name one host: one service, with the ports, addresses and endpoints of all that agree on the rest.
import type { Diagnostic } from '#base/diagnostic.ts';
import { compareEndpoints } from '#model/build/endpoint.ts';
import type { EntryService, ServiceShape } from '#model/build/service-parts.ts';
import type { Endpoint, Service, ServicePort } from '#model/service.ts';
import type { Visibility } from '#model/visibility.ts';

/**
 * The service that `entries` (at least one, in order of precedence) are together. The first decides; the others add ports and addresses where
 * they resolve, select and export as it does, and endpoints for the ports that there are. `endpoints` are those of all entries.
 */
export function mergeEntries(entries: readonly EntryService[], endpoints: readonly Endpoint[]): Service {
  const [first, ...others] = entries.map(({ service }) => service);
  if (first === undefined) throw new Error('nothing to merge');
  if (others.length === 0) return { ...first, endpoints: [...endpoints].sort(compareEndpoints) };
  const agreeing = others.filter((other) => agrees(first, other));
  const ports = new Map<number, ServicePort>();
  for (const port of [first, ...agreeing].flatMap((service) => service.ports)) if (!ports.has(port.number)) ports.set(port.number, port);
  const addresses = new Set([first, ...agreeing].flatMap((service) => service.addresses));
  return {
    ...first,
    addresses: [...addresses],
    ports: [...ports.values()],
    endpoints: oneNamePerPort(first, endpoints)
      .filter(({ servicePortNumber }) => ports.has(servicePortNumber))
      .sort(compareEndpoints),
  };
}

/** A name server that is asked for one address at a time can be asked for one name only: the first endpoint of a port has it. */
function oneNamePerPort({ resolution }: Service, endpoints: readonly Endpoint[]): readonly Endpoint[] {
  if (resolution !== 'dns-round-robin') return endpoints;
  const ports = new Set<number>();
  return endpoints.filter(({ servicePortNumber }) => !ports.has(servicePortNumber) && ports.add(servicePortNumber));
}

function agrees(a: Service, b: Service): boolean {
  return a.resolution === b.resolution && sameRecord(a.selector, b.selector) && sameVisibility(a.visibility, b.visibility);
}

function sameRecord(a: Readonly<Record<string, string>> = {}, b: Readonly<Record<string, string>> = {}): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

function sameVisibility(a: Visibility, b: Visibility): boolean {
  if (a.kind === 'everywhere' || b.kind === 'everywhere') return a.kind === b.kind;
  return a.namespaces.symmetricDifference(b.namespaces).size === 0;
}

/** HDL0035 for each ServiceEntry whose ports are left out, because another one, or a Kubernetes Service, has the host. */
export function mergeProblems(entries: readonly EntryService[], kubernetes: ServiceShape | undefined): readonly Diagnostic[] {
  const [first] = entries;
  if (first === undefined || (kubernetes === undefined && entries.length === 1)) return [];
  const owner = kubernetes ?? first.service;
  return entries.flatMap(({ service }): readonly Diagnostic[] => {
    if (kubernetes === undefined && (service === first.service || agrees(first.service, service))) return [];
    const left = service.ports.filter(({ number, name }) =>
      kubernetes === undefined ? !owner.ports.some((port) => port.number === number) : !owner.ports.some((port) => port.name === name),
    );
    if (left.length === 0) return [];
    const ports = left.map(({ number }) => number).join(', ');
    const message =
      kubernetes === undefined
        ? `another ServiceEntry of namespace ${service.namespace} has ${service.hostname} with another resolution, workloadSelector or exportTo, so port ${ports} is left out`
        : `${service.hostname} is a Kubernetes Service, so port ${ports} is left out`;
    return [
      {
        code: 'HDL0035',
        severity: 'warning',
        message,
        hint:
          kubernetes === undefined
            ? 'give both the same resolution, workloadSelector and exportTo'
            : 'give the Service that port, or use another host',
        at: service.origin,
        related: [{ message: 'the host is taken here', at: owner.origin }],
      },
    ];
  });
}
