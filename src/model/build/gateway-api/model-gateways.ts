// Listeners as Gateways of the model: one Gateway with one server for each, as Istio's conversion has it, so that routes can be bound to one
// listener alone.
import type { FieldOrigins } from '#api/resource.ts';
import { terminateMode } from '#model/build/gateway-api/certificates.ts';
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

/** Options may ask for another mode, and name the cipher suites. Source: Istio, buildTLS. */
function listenerTls({ spec, path, certificates, frontend }: Listener, origins: FieldOrigins): ServerTls | undefined {
  const { tls } = spec;
  if (tls === undefined) return undefined;
  const origin = origins.at([...path, 'tls']);
  const parameters = { ...noParameters, cipherSuites: cipherSuites(tls.options) };
  const server = { httpsRedirect: false, certificates, parameters, origin };
  if (tls.mode === 'Passthrough') return { ...server, mode: 'passthrough', certificates: [] };
  const asked = terminateMode(tls.options);
  if (asked === 'ISTIO_MUTUAL') return { ...server, mode: 'istio-mutual', certificates: [] };
  if (asked === 'ISTIO_SIMPLE') return { ...server, mode: 'simple', certificates: [{ kind: 'secret', name: 'builtin://' }] };
  const written = asked === 'MUTUAL' ? 'mutual' : asked === 'OPTIONAL_MUTUAL' ? 'optional-mutual' : undefined;
  const [first] = certificates;
  if (frontend !== undefined) {
    const { clientCa, optional } = frontend;
    const skipsClientVerification = optional && written === undefined;
    const mode = written ?? (optional ? 'optional-mutual' : 'mutual');
    return { ...server, mode, ...(clientCa !== undefined && { clientCa }), parameters: { ...parameters, skipsClientVerification } };
  }
  if (written === undefined) return { ...server, mode: 'simple' };
  // The roots stand beside the first certificate, as with credentialName.
  const clientCa: ServerTls['clientCa'] = first === undefined ? undefined : { ...first, name: `${first.name}-cacert` };
  return { ...server, mode: written, ...(clientCa !== undefined && { clientCa }) };
}

const noParameters = {
  cipherSuites: [],
  ecdhCurves: [],
  subjectAltNames: [],
  certificateSpki: [],
  certificateHash: [],
  skipsClientVerification: false,
};

/** Separated by commas. Source: Istio, gateway.istio.io/tls-cipher-suites. */
function cipherSuites(options: Readonly<Record<string, string>> = {}): readonly string[] {
  const written = options['gateway.istio.io/tls-cipher-suites'] ?? '';
  return written
    .split(',')
    .map((suite) => suite.trim())
    .filter((suite) => suite !== '');
}
