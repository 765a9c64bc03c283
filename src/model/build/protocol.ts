// How the protocol of a Kubernetes port is told. Source: Istio, "Protocol selection" and kube.ConvertProtocol.
import type { Protocol } from '#model/protocol.ts';

/** Names of protocols that Istio knows, as appProtocol or before the first `-` of a port name. Databases are bytes to the mesh. */
const byName: Readonly<Record<string, Protocol>> = {
  http: 'http',
  http_proxy: 'http',
  http2: 'http2',
  grpc: 'grpc',
  https: 'https',
  tls: 'tls',
  tcp: 'tcp',
  udp: 'udp',
  mongo: 'tcp',
  mysql: 'tcp',
  redis: 'tcp',
};

const kubernetesNames: Readonly<Record<string, Protocol>> = {
  'kubernetes.io/h2c': 'http2',
  'kubernetes.io/ws': 'http',
  'kubernetes.io/wss': 'https',
};

/** SMTP, DNS, MySQL, MongoDB: there the server may speak first, so waiting for the client to tell the protocol would hang. */
const serverFirstPorts: ReadonlySet<number> = new Set([25, 53, 3306, 27017]);

export type PortFacts = {
  readonly number: number;
  readonly name?: string | undefined;
  readonly appProtocol?: string | undefined;
  readonly transport?: string | undefined;
};

/** The protocol of a ServiceEntry's port, in any case of letters; without one it is found out. Source: Istio, protocol.Parse. */
export function protocolByName(written: string): Protocol {
  const name = written.toLowerCase();
  return name === 'grpc-web' ? name : (byName[name] ?? 'auto');
}

/** appProtocol before the name; where neither tells, `auto`. */
export function protocolOf({ number, name = '', appProtocol, transport }: PortFacts): Protocol {
  if (transport === 'UDP') return 'udp';
  const wellKnown = appProtocol === undefined ? undefined : kubernetesNames[appProtocol];
  if (wellKnown !== undefined) return wellKnown;
  const declared = (appProtocol ?? name).toLowerCase();
  if (declared.startsWith('grpc-web')) return 'grpc-web';
  const found = byName[declared.split('-', 1)[0] ?? ''];
  return found ?? (serverFirstPorts.has(number) ? 'tcp' : 'auto');
}
