// What Istio demands of a Gateway beyond its schema, as its webhook does. Source: Istio, ValidateGateway.
import { type Finding, invalid, type Path } from '#api/finding.ts';
import type { GatewaySpec } from '#api/istio/gateway.ts';
import { closest } from '#base/closest.ts';

type Server = NonNullable<GatewaySpec['servers']>[number];

const plainHttp: readonly string[] = ['HTTP', 'HTTP2', 'GRPC', 'GRPC-WEB', 'HTTP_PROXY'];
const encrypted: readonly string[] = ['HTTPS', 'TLS'];
const protocols: readonly string[] = [...plainHttp, ...encrypted, 'TCP', 'MONGO', 'REDIS', 'MYSQL', 'UDP'];

/** All broken rules, in the order of the servers. */
export function checkGateway({ spec: { servers = [] } }: { readonly spec: GatewaySpec }): readonly Finding[] {
  if (servers.length === 0) return [invalid(['spec', 'servers'], 'key', 'a Gateway needs at least one server')];
  return servers.flatMap((server, index) => {
    const path = ['spec', 'servers', index];
    const earlier = servers.slice(0, index).some(({ port }) => port.name === server.port.name);
    return [
      ...checkPort(server, path),
      ...(earlier ? [invalid([...path, 'port', 'name'], 'value', `port name ${server.port.name} is taken by another server of this Gateway`)] : []),
    ];
  });
}

function checkPort({ port, tls }: Server, path: Path): readonly Finding[] {
  const protocol = port.protocol.toUpperCase();
  if (!protocols.includes(protocol)) {
    const guess = closest(protocol, protocols);
    const hint = guess === undefined ? `one of ${protocols.join(', ')}` : `did you mean ${guess}?`;
    return [invalid([...path, 'port', 'protocol'], 'value', `unknown protocol ${port.protocol}`, hint)];
  }
  if (encrypted.includes(protocol)) {
    return tls === undefined ? [invalid([...path, 'tls'], 'key', `a server of protocol ${protocol} needs tls`, 'add tls with a mode')] : [];
  }
  const isRedirectOnly = plainHttp.includes(protocol) && (tls?.mode ?? 'PASSTHROUGH') === 'PASSTHROUGH';
  if (tls === undefined || isRedirectOnly) return [];
  return [invalid([...path, 'tls'], 'key', `a server of protocol ${protocol} cannot have tls`, 'use protocol HTTPS or TLS')];
}
