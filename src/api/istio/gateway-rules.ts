// What Istio demands of a Gateway beyond its schema, as its webhook does. Source: Istio, ValidateGateway.

import { type Finding, invalid, type Path } from '#api/finding.ts';
import { matchesFormat } from '#api/format.ts';
import type { GatewaySpec } from '#api/istio/gateway.ts';
import { checkServerTls } from '#api/istio/gateway-tls-rules.ts';
import { parseIp } from '#base/cidr.ts';
import { closest } from '#base/closest.ts';

type Server = NonNullable<GatewaySpec['servers']>[number];

const unix = 'unix://';
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
      ...server.hosts.flatMap((host, at) => checkHost(host, [...path, 'hosts', at])),
      ...checkBind(server.bind ?? '', server.port.number, path),
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
  const target =
    port.targetPort === undefined
      ? []
      : [invalid([...path, 'port', 'targetPort'], 'key', 'targetPort has no effect in a Gateway', "the gateway's Service says which port is opened")];
  const unfit = checkTlsOfProtocol(protocol, tls, path);
  return [...target, ...unfit, ...(tls === undefined || unfit.length > 0 ? [] : checkServerTls(tls, [...path, 'tls']))];
}

function checkTlsOfProtocol(protocol: string, tls: Server['tls'], path: Path): readonly Finding[] {
  if (encrypted.includes(protocol)) {
    return tls === undefined ? [invalid([...path, 'tls'], 'key', `a server of protocol ${protocol} needs tls`, 'add tls with a mode')] : [];
  }
  if (tls === undefined) return [];
  const mode = tls.mode ?? 'PASSTHROUGH';
  const hasCertificates = [tls.serverCertificate, tls.privateKey, tls.caCertificates].some((file) => file !== undefined && file !== '');
  const isRedirectOnly = plainHttp.includes(protocol) && (mode === 'PASSTHROUGH' || mode === 'AUTO_PASSTHROUGH') && !hasCertificates;
  return isRedirectOnly ? [] : [invalid([...path, 'tls'], 'key', `a server of protocol ${protocol} cannot have tls`, 'use protocol HTTPS or TLS')];
}

/** `host` or `namespace/host`, where the namespace may be `.` or `*`, and the host begins with a wildcard or is one. */
function checkHost(written: string, path: Path): readonly Finding[] {
  const slash = written.indexOf('/');
  const namespace = written.slice(0, Math.max(slash, 0));
  const host = written.slice(slash + 1);
  if (slash >= 0 && !/^(\*|\.|[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)$/.test(namespace)) {
    return [invalid(path, 'value', `${JSON.stringify(namespace)} is no namespace`, 'write a namespace, . for that of the Gateway, or * for all')];
  }
  if (matchesFormat('host', host)) return [];
  return [invalid(path, 'value', `${JSON.stringify(host)} is not a host name`, 'write a name, or one whose first part is *, such as *.example.com')];
}

/** Source: Istio, validateServerBind and ValidateUnixAddress. */
function checkBind(bind: string, number: number, path: Path): readonly Finding[] {
  const at = [...path, 'bind'];
  if (bind.startsWith(unix)) {
    const socket = bind.slice(unix.length);
    const isPlace = /^@[A-Za-z0-9_-]+$/.test(socket) || (socket.startsWith('/') && !socket.endsWith('/'));
    if (!isPlace) return [invalid(at, 'value', `${bind} is no absolute path to a socket`, 'such as unix:///run/gateway.sock, or unix://@name')];
    return number === 0 ? [] : [invalid([...path, 'port', 'number'], 'value', 'a Unix socket has no port: its number is 0')];
  }
  const portless = number === 0 ? [invalid([...path, 'port', 'number'], 'value', 'a port is a number from 1 to 65535')] : [];
  if (bind === '' || parseIp(bind) !== undefined) return portless;
  return [invalid(at, 'value', `${bind} is no IP address`, 'write an address of the gateway, such as 10.0.0.1')];
}
