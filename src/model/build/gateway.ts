// Gateways with their hosts resolved: `namespace/host`, where the namespace says whose virtual services may bind it.
import type { KindMap } from '#api/kinds.ts';
import type { Gateway, GatewayServer } from '#model/gateway.ts';

type GatewayResource = KindMap['Gateway'];

export function buildGateway({ metadata, spec, origins }: GatewayResource): Gateway {
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    selector: spec.selector ?? {},
    servers: (spec.servers ?? []).map(({ port, hosts }, index) => ({
      port: { number: port.number, name: port.name, protocol: port.protocol },
      hosts: hosts.map((host) => serverHost(host, metadata.namespace)),
      origin: origins.at(['spec', 'servers', index]),
    })),
    origin: origins.start,
  };
}

/** `host` and `*` + `/host` are open to all namespaces, `./host` to the Gateway's own. */
function serverHost(written: string, namespace: string): GatewayServer['hosts'][number] {
  const slash = written.indexOf('/');
  const host = written.slice(slash + 1).toLowerCase();
  if (slash < 0) return { namespace: '*', host };
  const owner = written.slice(0, slash);
  return { namespace: owner === '.' ? namespace : owner, host };
}
