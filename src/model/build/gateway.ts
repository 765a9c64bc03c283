// Gateways with their hosts resolved: `namespace/host`, where the namespace says whose virtual services may bind it.
import type { GatewaySpec } from '#api/istio/gateway.ts';
import type { KindMap } from '#api/kinds.ts';
import type { FieldOrigins } from '#api/resource.ts';
import { serverTls } from '#model/build/gateway-tls.ts';
import type { Gateway, GatewayServer, ServerHost, ServerProtocol } from '#model/gateway.ts';

type GatewayResource = KindMap['Gateway'];
type WrittenServer = NonNullable<GatewaySpec['servers']>[number];

/** How other programs tell Istio which Services a Gateway is for, instead of by labels (Istio, InternalGatewayServiceAnnotation). */
const servicesAnnotation = 'internal.istio.io/gateway-service';

export function buildGateway({ metadata, spec, origins }: GatewayResource): Gateway {
  const services = metadata.annotations[servicesAnnotation]?.split(',').map((host) => host.trim().toLowerCase());
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    selector: spec.selector ?? {},
    ...(services !== undefined && { services }),
    servers: (spec.servers ?? []).map((server, index) => buildServer(server, metadata.namespace, origins, ['spec', 'servers', index])),
    origin: origins.start,
  };
}

function buildServer(
  { name = '', bind = '', port, hosts, tls }: WrittenServer,
  namespace: string,
  origins: FieldOrigins,
  path: readonly (string | number)[],
): GatewayServer {
  return {
    ...(name !== '' && { name }),
    ...(bind !== '' && { bind }),
    port: { number: port.number, name: port.name, protocol: serverProtocol(port.protocol) },
    hosts: serverHosts(hosts, namespace),
    ...(tls !== undefined && { tls: serverTls(tls, origins.at([...path, 'tls'])) }),
    origin: origins.at(path),
  };
}

/** Names of databases, and anything else that validation lets pass, are bytes. Source: Istio, protocol.Parse. */
export function serverProtocol(written: string): ServerProtocol {
  switch (written.toUpperCase()) {
    case 'HTTP':
    case 'HTTP_PROXY':
      return 'http';
    case 'HTTP2':
      return 'http2';
    case 'GRPC':
      return 'grpc';
    case 'GRPC-WEB':
      return 'grpc-web';
    case 'HTTPS':
      return 'https';
    case 'TLS':
      return 'tls';
    case 'UDP':
      return 'udp';
    default:
      return 'tcp';
  }
}

/** `host` and `*` + `/host` are open to all namespaces, `./host` to the Gateway's own. Everything for everyone leaves nothing to add. */
function serverHosts(written: readonly string[], namespace: string): readonly ServerHost[] {
  return written.includes('*/*') ? [{ namespace: '*', host: '*' }] : written.map((one) => serverHost(one, namespace));
}

function serverHost(written: string, namespace: string): ServerHost {
  const slash = written.indexOf('/');
  const host = written.slice(slash + 1).toLowerCase();
  if (slash < 0) return { namespace: '*', host };
  const owner = written.slice(0, slash);
  return { namespace: owner === '.' ? namespace : owner, host };
}
