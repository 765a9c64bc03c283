// Services that claim one address and port for connections of bytes, which do not say whom they are for: the older service has them all. Istio
// lets that pass in silence (its metric pilot_conflict_outbound_listener_tcp_over_current_tcp).
import { parseCidr } from '#base/cidr.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { isHttp, type Protocol } from '#model/protocol.ts';
import type { Service, ServicePort } from '#model/service.ts';
import type { Visibility } from '#model/visibility.ts';

type Claim = { readonly service: Service; readonly port: ServicePort };

/** HDL0043 for each port of a ServiceEntry that loses an address to an older service seen by the same proxies. `services` are in order of age. */
export function addressConflicts(services: readonly Service[]): readonly Diagnostic[] {
  const claims = new Map<string, Claim[]>();
  const found: Diagnostic[] = [];
  for (const service of services) {
    for (const port of service.ports) {
      if (isHttp(port.protocol) || port.protocol === 'udp') continue;
      for (const address of service.addresses) {
        const key = `${networkOf(address)} ${port.number}`;
        const others = claims.get(key) ?? [];
        const owner = others.find((other) => conflicts(other, { service, port }));
        if (owner !== undefined && service.registry === 'service-entry') found.push(conflict(service, port, address, owner));
        if (others.length === 0) claims.set(key, [{ service, port }]);
        else others.push({ service, port });
      }
    }
  }
  return found;
}

/** `10.1.2.3/16` and `10.1.9.9/16` are one network. */
function networkOf(address: string): string {
  const range = parseCidr(address);
  return range === undefined ? address : `${range.words.join('.')}/${range.length}`;
}

/** Server names tell TLS apart. */
function conflicts(a: Claim, b: Claim): boolean {
  if (a.service.hostname === b.service.hostname || (namesServer(a.port.protocol) && namesServer(b.port.protocol))) return false;
  return meet(a.service.visibility, b.service.visibility);
}

function namesServer(protocol: Protocol): boolean {
  return protocol === 'tls' || protocol === 'https';
}

function meet(a: Visibility, b: Visibility): boolean {
  if (a.kind === 'everywhere') return b.kind === 'everywhere' || b.namespaces.size > 0;
  return b.kind === 'everywhere' ? a.namespaces.size > 0 : !a.namespaces.isDisjointFrom(b.namespaces);
}

function conflict({ hostname }: Service, { number, origin }: ServicePort, address: string, owner: Claim): Diagnostic {
  return {
    code: 'HDL0043',
    severity: 'warning',
    message: `connections to ${address} port ${number} go to ${owner.service.hostname}, which is older than ${hostname} and has that address, too`,
    hint: 'give each host an address of its own, or the port a protocol that names the host: HTTP or TLS',
    at: origin,
    related: [{ message: 'the other port', at: owner.port.origin }],
  };
}
