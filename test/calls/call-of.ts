// From a row of a call table to the connection and request that decide sees: as iptables redirection would bring them to the proxy.
import type { Call } from '#decide/decision.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import type { Service } from '#model/service.ts';
import type { TableCall } from '#test/calls/call-table.ts';

const noService = '240.240.0.1';

/** The name that the client asks for in its handshake; undefined where it asks for none, or makes none. */
export function serverNameOf({ url, tls = {} }: TableCall['request']): string | undefined {
  const { protocol, hostname } = new URL(url);
  if (protocol !== 'https:') return undefined;
  const { serverName = hostname } = tls;
  return serverName === '' ? undefined : serverName;
}

/** `random` decides among weighted clusters. A URL without a port means 80, or 443 with https. */
export function callOf(mesh: Mesh, proxy: Proxy, { request }: TableCall, random: number): Call {
  const url = new URL(request.url);
  const encrypted = url.protocol === 'https:';
  const port = url.port === '' ? (encrypted ? 443 : 80) : Number(url.port);
  const serverName = serverNameOf(request);
  const headers = new Map(Object.entries(request.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
  const gateway = proxy.type === 'router';
  const destination = gateway
    ? { destinationAddress: proxy.addresses[0] ?? noService, destinationPort: gatewayPort(mesh, proxy, port) }
    : { destinationAddress: serviceAddress(mesh, proxy, url.hostname), destinationPort: port };
  return {
    connection: {
      ...destination,
      sourceAddress: gateway ? '192.0.2.7' : (proxy.addresses[0] ?? noService),
      sourcePort: 40_000,
      transportProtocol: encrypted ? 'tls' : 'raw_buffer',
      ...(serverName !== undefined && { serverName }),
      // As the inspectors find it; a listener without one does not ask.
      applicationProtocols: [...(request.tls?.alpn ?? ['http/1.1'])],
    },
    // An outbound call of a pod is redirected to its sidecar; a gateway is called directly.
    ...(gateway ? {} : { acceptedOn: { address: '127.0.0.1', port: 15_001 } }),
    request: {
      method: request.method,
      scheme: encrypted ? 'https' : 'http',
      authority: request.authority ?? url.host,
      path: url.pathname + url.search,
      header: (name) => headers.get(name),
    },
    random,
    timeMs: Date.now(),
  };
}

/** The container port behind the gateway's service port. */
function gatewayPort(mesh: Mesh, proxy: Proxy, port: number): number {
  const own = `${proxy.namespace}/${proxy.name}`;
  for (const { endpoints } of mesh.services.values()) {
    const endpoint = endpoints.find(({ workload, servicePortNumber }) => workload === own && servicePortNumber === port);
    if (endpoint !== undefined) return endpoint.port;
  }
  return port;
}

/** What DNS would say to the caller: the service's virtual address, by short or full name. */
function serviceAddress(mesh: Mesh, proxy: Proxy, host: string): string {
  const names = ({ hostname, name, namespace }: Service) => [hostname, `${name}.${namespace}`, ...(namespace === proxy.namespace ? [name] : [])];
  for (const service of mesh.services.values()) if (names(service).includes(host)) return service.addresses[0] ?? noService;
  return noService;
}
