// What Istio accepts in silence in ServiceEntries and the like, and what does not do what it says: a warning for each, with its line.
import type { KindMap, ResourcesByKind } from '#api/kinds.ts';
import { parseIp } from '#base/cidr.ts';
import type { Diagnostic } from '#base/diagnostic.ts';

type ServiceEntryResource = KindMap['ServiceEntry'];

/** By resource, in the order of the snapshot. Source: Istio, the warnings of ValidateServiceEntry. */
export function serviceEntryAdvice({ ServiceEntry, WorkloadEntry }: Pick<ResourcesByKind, 'ServiceEntry' | 'WorkloadEntry'>): readonly Diagnostic[] {
  return [...[...ServiceEntry.values()].flatMap(adviceFor), ...[...WorkloadEntry.values()].flatMap(ofSocket)];
}

function adviceFor({ spec, origins }: ServiceEntryResource): readonly Diagnostic[] {
  const { resolution = 'NONE', workloadSelector, hosts, ports = [] } = spec;
  const found: Diagnostic[] = [];
  const warn = (path: readonly (string | number)[], message: string, hint: string): void => {
    found.push({ code: 'HDL0042', severity: 'warning', message, hint, at: origins.at(['spec', ...path]) });
  };
  if (resolution === 'DYNAMIC_DNS') {
    for (const [index, { protocol = '', number }] of ports.entries()) {
      if (protocol.toUpperCase() !== 'TLS') continue;
      const message = `port ${number} is not served yet: with DYNAMIC_DNS only requests of HTTP are sent on to the host they name`;
      warn(
        ['ports', index],
        message,
        'name the hosts one by one with resolution DNS, or use NONE, which passes connections on where they are redirected',
      );
    }
  }
  if (workloadSelector !== undefined) {
    if (resolution === 'NONE') warn(['workloadSelector'], 'workloadSelector chooses nothing where resolution is NONE', 'use resolution STATIC');
    else if (Object.keys(workloadSelector.labels ?? {}).length === 0) {
      warn(['workloadSelector'], 'a workloadSelector without labels chooses every Pod and WorkloadEntry of the namespace', 'add labels');
    }
  }
  for (const [index, host] of hosts.entries()) {
    if (!/^\*[^.]/.test(host)) continue;
    warn(
      ['hosts', index],
      `${host} stands for every name that ends so, not for one label`,
      `write *.${host.replace(/^\*[^.]*\.?/, '')} for a whole domain`,
    );
  }
  return found;
}

function ofSocket({ spec: { address = '' }, origins }: KindMap['WorkloadEntry']): readonly Diagnostic[] {
  if (!address.startsWith('unix://') || parseIp(address) !== undefined) return [];
  const message = 'a Unix socket can be an endpoint that stands in a ServiceEntry, but no selector chooses a WorkloadEntry that is one';
  return [
    { code: 'HDL0042', severity: 'warning', message, hint: 'move it to the endpoints of the ServiceEntry', at: origins.at(['spec', 'address']) },
  ];
}
