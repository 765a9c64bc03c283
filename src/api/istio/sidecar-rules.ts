// What Istio demands of a Sidecar beyond its schema, as its webhook does. Source: Istio, ValidateSidecar. Takes a spec that fits the
// schema; paths are those of the resource.
import { isIP } from 'node:net';
import { type Finding, invalid, type Path } from '#api/finding.ts';
import { checkServerTls } from '#api/istio/gateway-tls-rules.ts';
import type { SidecarSpec } from '#api/istio/sidecar.ts';
import { closest } from '#base/closest.ts';

type Egress = NonNullable<SidecarSpec['egress']>[number];
type Ingress = NonNullable<SidecarSpec['ingress']>[number];

const protocols: readonly string[] = ['HTTP', 'HTTP2', 'HTTP_PROXY', 'GRPC', 'GRPC-WEB', 'HTTPS', 'TLS', 'TCP', 'MONGO', 'REDIS', 'MYSQL', 'UDP'];
const unix = 'unix://';

/** All broken rules, in the order of the fields. */
export function checkSidecar({ spec }: { readonly spec: SidecarSpec }): readonly Finding[] {
  const { egress = [], ingress = [], outboundTrafficPolicy, inboundConnectionPool } = spec;
  if (egress.length + ingress.length === 0 && outboundTrafficPolicy === undefined && inboundConnectionPool === undefined) {
    return [invalid(['spec'], 'key', 'the Sidecar says nothing', 'add egress, ingress, outboundTrafficPolicy or inboundConnectionPool')];
  }
  return [
    ...ingress.flatMap((listener, index) => checkIngress(listener, index, ingress)),
    ...egress.flatMap((listener, index) => checkEgress(listener, index, egress)),
    ...checkPolicy(outboundTrafficPolicy),
  ];
}

function checkIngress({ port, bind = '', defaultEndpoint = '', tls }: Ingress, index: number, all: readonly Ingress[]): readonly Finding[] {
  const path = ['spec', 'ingress', index];
  const isTaken = all.slice(0, index).some((earlier) => earlier.port.number === port.number);
  const isEncrypted = ['HTTPS', 'TLS'].includes((port.protocol ?? '').toUpperCase());
  return [
    ...((port.number ?? 0) === 0 ? [invalid([...path, 'port'], 'key', 'an ingress listener needs a port number')] : []),
    ...checkPort(port, path),
    ...checkBind(bind, path),
    ...(isTaken ? [invalid([...path, 'port', 'number'], 'value', `another ingress listener has port ${port.number}`)] : []),
    ...checkDefaultEndpoint(defaultEndpoint, [...path, 'defaultEndpoint']),
    ...(tls !== undefined && !isEncrypted ? [invalid([...path, 'tls'], 'key', 'tls needs a port of protocol HTTPS or TLS')] : []),
    ...(tls === undefined ? [] : checkIngressTls(tls, [...path, 'tls'])),
  ];
}

/** A port of a workload redirects nobody, and ends TLS for itself only. */
function checkIngressTls(tls: NonNullable<Ingress['tls']>, path: Path): readonly Finding[] {
  const { httpsRedirect, mode, subjectAltNames = [] } = tls;
  return [
    ...(httpsRedirect === true ? [invalid([...path, 'httpsRedirect'], 'value', 'a port of a workload does not redirect to https')] : []),
    ...(mode === 'AUTO_PASSTHROUGH' ? [invalid([...path, 'mode'], 'value', 'mode AUTO_PASSTHROUGH is for gateways')] : []),
    ...(subjectAltNames.length > 0 ? [invalid([...path, 'subjectAltNames'], 'key', 'subjectAltNames mean nothing in a Sidecar')] : []),
    ...checkServerTls(tls, path),
  ];
}

function checkEgress({ port, bind = '', captureMode, hosts }: Egress, index: number, all: readonly Egress[]): readonly Finding[] {
  const path = ['spec', 'egress', index];
  const found: Finding[] = [];
  if (port === undefined) {
    if (index < all.length - 1) {
      found.push(invalid(path, 'value', 'an egress listener without a port takes all that is left, so it must be the last', 'move it to the end'));
    }
  } else {
    const number = port.number ?? 0;
    found.push(...checkPort(port, path));
    if (number === 0) {
      if (!bind.startsWith(unix)) found.push(invalid([...path, 'port'], 'key', 'a listener without a port number needs bind: unix://…'));
      if (captureMode === 'IPTABLES') found.push(invalid([...path, 'captureMode'], 'value', 'nothing is redirected to a Unix socket'));
    } else {
      found.push(...checkBind(bind, path));
      const isTaken = all.slice(0, index).some((earlier) => earlier.port?.number === number);
      if (isTaken) found.push(invalid([...path, 'port', 'number'], 'value', `another egress listener has port ${number}`));
    }
  }
  if (hosts.length === 0) found.push(invalid([...path, 'hosts'], 'value', 'an egress listener needs at least one host', 'such as "./*"'));
  return [...found, ...hosts.flatMap((host, at) => checkHost(host, [...path, 'hosts', at]))];
}

/** Namespace and name: a name, `.` or `*`, with `~` before it to leave something out; a name, or one with a wildcard in front. */
function checkHost(written: string, path: Path): readonly Finding[] {
  const [namespace = '', host = '', ...more] = written.split('/');
  if (!written.includes('/') || more.length > 0 || host === '') {
    return [invalid(path, 'value', `${written} is not of the form namespace/host`, `such as "./${written.split('/')[0] ?? '*'}" or "*/*"`)];
  }
  const bare = namespace.startsWith('~') ? namespace.slice(1) : namespace;
  const isExclusion = namespace.startsWith('~');
  if (!isExclusion && bare === '') return [invalid(path, 'value', 'the namespace is empty', '. is the own namespace, * is any')];
  if (bare !== '' && bare !== '.' && bare !== '*' && !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(bare)) {
    return [invalid(path, 'value', `${bare} is no name of a namespace`, '. is the own namespace, * is any')];
  }
  if (host !== '*' && !host.startsWith('*.') && host.includes('*')) {
    return [invalid(path, 'value', `${host}: a wildcard stands for the first part of a name only`, 'such as *.example.com')];
  }
  return [];
}

function checkPort({ protocol = '', targetPort }: NonNullable<Egress['port']>, path: Path): readonly Finding[] {
  const found: Finding[] = [];
  if (targetPort !== undefined) found.push(invalid([...path, 'port', 'targetPort'], 'key', 'targetPort has no meaning in a Sidecar', 'remove it'));
  // Without a protocol it is found out.
  if (protocol !== '' && !protocols.includes(protocol.toUpperCase())) {
    const guess = closest(protocol.toUpperCase(), protocols);
    const hint = guess === undefined ? `one of ${protocols.join(', ')}` : `did you mean ${guess}?`;
    found.push(invalid([...path, 'port', 'protocol'], 'value', `unknown protocol '${protocol}'`, hint));
  }
  return found;
}

function checkBind(bind: string, path: Path): readonly Finding[] {
  return bind === '' || isIP(bind) !== 0 ? [] : [invalid([...path, 'bind'], 'value', `${bind} is no IP address`)];
}

const appAddresses: readonly string[] = ['', '127.0.0.1', '0.0.0.0', '[::1]', '[::]'];

function checkDefaultEndpoint(endpoint: string, path: Path): readonly Finding[] {
  if (endpoint === '') return [];
  if (endpoint.startsWith(unix)) {
    return endpoint.startsWith(`${unix}/`) || endpoint.startsWith(`${unix}@`)
      ? []
      : [invalid(path, 'value', 'the path of the socket is not absolute')];
  }
  const colon = endpoint.lastIndexOf(':');
  const port = Number(endpoint.slice(colon + 1));
  if (colon >= 0 && appAddresses.includes(endpoint.slice(0, colon)) && Number.isInteger(port) && port > 0 && port < 65536) return [];
  return [
    invalid(path, 'value', `${endpoint} is no place where the app can be`, '127.0.0.1:PORT, 0.0.0.0:PORT, [::1]:PORT, [::]:PORT or unix:///path'),
  ];
}

function checkPolicy(policy: SidecarSpec['outboundTrafficPolicy']): readonly Finding[] {
  const path = ['spec', 'outboundTrafficPolicy'];
  if (policy?.mode === 'ALLOW_ANY_DYNAMIC_DNS') {
    return [invalid([...path, 'mode'], 'value', 'ALLOW_ANY_DYNAMIC_DNS is for the whole mesh only', 'set it in MeshConfig')];
  }
  if (policy?.egressProxy === undefined) return [];
  const isOpen = policy.mode === 'ALLOW_ANY';
  return [
    ...(isOpen ? [] : [invalid([...path, 'egressProxy'], 'key', 'egressProxy needs mode ALLOW_ANY')]),
    ...(policy.egressProxy.port?.number === undefined ? [invalid([...path, 'egressProxy', 'port'], 'key', 'egressProxy needs a port number')] : []),
  ];
}
