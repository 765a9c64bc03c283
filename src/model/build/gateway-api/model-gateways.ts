// Listeners as Gateways of the model: one Gateway with one server for each, as Istio's conversion has it, so that routes can be bound to one
// listener alone.
import type { FieldOrigins } from '#api/resource.ts';
import { gatewayNameLabel, gatewayServices, manualAddresses } from '#model/build/gateway-api/gateway-class.ts';
import type { Listener } from '#model/build/gateway-api/listeners.ts';
import type { Gateway, GatewayServer, ServerProtocol, ServerTls } from '#model/gateway.ts';

/** Served by the proxies behind the Gateway's Services; those made for it are known by their label as well. */
export function modelGateway(listener: Listener, domain: string): Gateway {
  const { gateway, owner, spec, path, modelName, hostname } = listener;
  const isManual = manualAddresses(gateway).length > 0;
  const tls = listenerTls(listener, owner.origins);
  return {
    name: modelName,
    namespace: gateway.metadata.namespace,
    selector: isManual ? {} : { [gatewayNameLabel]: gateway.metadata.name },
    services: gatewayServices(gateway, domain),
    servers: [
      {
        name: spec.name,
        port: { number: spec.port, name: 'default', protocol: protocolOf(spec.protocol) },
        hosts: [{ namespace: '*', host: hostname }],
        ...(tls !== undefined && { tls }),
        origin: owner.origins.at(path),
      } satisfies GatewayServer,
    ],
    origin: owner.origins.start,
  };
}

function protocolOf(written: string): ServerProtocol {
  switch (written) {
    case 'HTTP':
      return 'http';
    case 'HTTPS':
      return 'https';
    case 'TLS':
      return 'tls';
    default:
      return 'tcp';
  }
}

function listenerTls({ spec, owner, path }: Listener, origins: FieldOrigins): ServerTls | undefined {
  const { tls } = spec;
  if (tls === undefined) return undefined;
  const passesOn = tls.mode === 'Passthrough';
  const secrets = passesOn ? [] : (tls.certificateRefs ?? []);
  return {
    mode: passesOn ? 'passthrough' : 'simple',
    httpsRedirect: false,
    certificates: secrets.map(({ name, namespace = owner.metadata.namespace }) => ({
      kind: 'secret',
      name: `kubernetes-gateway://${namespace}/${name}`,
    })),
    parameters: { cipherSuites: [], ecdhCurves: [], subjectAltNames: [], certificateSpki: [], certificateHash: [], skipsClientVerification: false },
    origin: origins.at([...path, 'tls']),
  };
}
