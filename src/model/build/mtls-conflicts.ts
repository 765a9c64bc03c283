// Rules of the calling side against policies of the called one: a DestinationRule that calls without the mesh's mutual TLS what takes nothing else.
// In: the mesh. Out: a warning for each such `tls` of a rule. What single callers make of it is for proxies to show: here the rule is looked at alone.
import type { Diagnostic } from '#base/diagnostic.ts';
import type { ClientTls, DestinationRule } from '#model/destination-rule.ts';
import { indexPeerAuthentications, type PeerAuthenticationIndex, portMtls, workloadMtls } from '#model/effective-mtls.ts';
import { effectivePolicy } from '#model/effective-policy.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Endpoint, Service, ServicePort } from '#model/service.ts';

type Checked = Pick<Mesh, 'destinationRules' | 'peerAuthentications' | 'services' | 'settings'>;

/** HDL0084. A rule for a wildcard is not asked: what it covers may be anything. */
export function mtlsConflicts({ destinationRules, peerAuthentications: policies, services, settings }: Checked): readonly Diagnostic[] {
  const saysStrict = policies.some(({ mtls, portMtls: ports }) => mtls === 'strict' || [...ports.values()].includes('strict'));
  if (!saysStrict) return [];
  const index = indexPeerAuthentications(policies, settings.rootNamespace);
  return destinationRules.flatMap((rule) => {
    const service = services.get(rule.host.hostname);
    return service === undefined || service.external ? [] : conflictsOf(rule, service, index);
  });
}

function conflictsOf(rule: DestinationRule, service: Service, index: PeerAuthenticationIndex): readonly Diagnostic[] {
  const refused = new Map<ClientTls, number[]>();
  for (const port of service.ports) {
    const tls = effectivePolicy(rule, port.number, undefined)?.tls;
    if (tls === undefined || tls.mode === 'istio-mutual' || !isStrict(service, port, index)) continue;
    refused.set(tls, [...(refused.get(tls) ?? []), port.number]);
  }
  return [...refused].map(([tls, ports]) => ({
    code: 'HDL0084',
    severity: 'warning',
    message: `calls to ${service.hostname}, ${ports.length === 1 ? 'port' : 'ports'} ${ports.join(', ')}, go out without mutual TLS, and its workloads take nothing else`,
    hint: 'leave tls out, or write mode ISTIO_MUTUAL',
    at: tls.origin,
  }));
}

/** All that is behind the port takes mutual TLS only. */
function isStrict({ namespace, endpoints }: Service, { number, targetPort }: ServicePort, index: PeerAuthenticationIndex): boolean {
  const behind = endpoints.filter(({ servicePortNumber, workload }) => servicePortNumber === number && workload !== undefined);
  const port = (endpoint: Endpoint): number => (typeof targetPort === 'number' ? targetPort : endpoint.port);
  return behind.length > 0 && behind.every((endpoint) => portMtls(workloadMtls(index, namespace, endpoint.labels), port(endpoint)) === 'strict');
}
