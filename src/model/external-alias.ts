// A Service of type ExternalName for a host outside the mesh, as a service of DNS. On a cluster nobody needs that: DNS leads the app to the host,
// and the proxy passes its connections on. Where nothing is redirected the app asks the proxy, and the proxy has to know.
import type { Alias, Service, ServicePort } from '#model/service.ts';

/** Undefined where the alias leads in a circle. Without ports of its own it has those of the web. */
export function aliasAsService({ hostname, name, namespace, target, ports, visibility, origin }: Alias): Service | undefined {
  if (target === undefined) return undefined;
  const known: readonly ServicePort[] =
    ports.length > 0
      ? ports
      : [
          { name: 'http', number: 80, protocol: 'http', targetPort: 80, origin },
          { name: 'https', number: 443, protocol: 'https', targetPort: 443, origin },
        ];
  return {
    hostname,
    name,
    namespace,
    addresses: [],
    headless: false,
    resolution: 'dns',
    registry: 'kubernetes',
    external: true,
    ports: known,
    endpoints: known.map((port) => ({
      address: target,
      port: typeof port.targetPort === 'number' ? port.targetPort : port.number,
      servicePort: port.name,
      servicePortNumber: port.number,
      labels: {},
      health: 'ready',
      origin,
    })),
    visibility,
    origin,
  };
}
