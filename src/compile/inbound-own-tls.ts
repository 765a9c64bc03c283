// In: the ports that a Sidecar opens with TLS of their own. Out: what ends it, and the secrets that takes; or why it cannot be had: then the port is
// closed. It only counts where PeerAuthentication is DISABLE for the port. Source: Istio, buildInboundListeners (userTLSSettings).
import type { Diagnostic } from '#base/diagnostic.ts';
import type { GatewayCredentials } from '#compile/gateway-credentials.ts';
import { serverTransportSocket } from '#compile/gateway-tls.ts';
import type { InboundPort } from '#compile/inbound-port.ts';
import type { Scope } from '#compile/scope.ts';
import type { Unit } from '#compile/unit.ts';
import type { TransportSocket } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { portMtls, workloadMtls } from '#model/effective-mtls.ts';
import type { ServerTls } from '#model/gateway.ts';
import type { Proxy } from '#model/proxy.ts';

export type OwnTls = {
  readonly sockets: ReadonlyMap<ServerTls, TransportSocket>;
  readonly secrets: readonly Unit[];
  readonly diagnostics: readonly Diagnostic[];
  /** Which of them there are. */
  readonly key: string;
};

const nothing: OwnTls = { sockets: new Map(), secrets: [], diagnostics: [], key: '' };

export function ownTls(ports: readonly InboundPort[], scope: Scope, proxy: Proxy, credentials: GatewayCredentials): OwnTls {
  if (!ports.some(({ ingress }) => ingress?.tls !== undefined)) return nothing;
  const { namespace, name, withoutIdentity = false } = proxy;
  const { tlsDefaults } = scope.mesh.settings;
  const labels = scope.mesh.workloads.get(`${namespace}/${name}`)?.labels ?? proxy.labels;
  const mtls = workloadMtls(scope.peerAuthentications, namespace, labels);
  const sockets = new Map<ServerTls, TransportSocket>();
  const secrets = new Set<Unit>();
  const diagnostics: Diagnostic[] = [];
  for (const { ingress, targetPort } of ports) {
    const tls = ingress?.tls;
    if (ingress === undefined || tls === undefined) continue;
    const common = { severity: 'warning', at: tls.origin } as const;
    if (portMtls(mtls, targetPort) !== 'disable') {
      const message = `the tls of port ${targetPort} does nothing: the port takes mutual TLS of the mesh`;
      diagnostics.push({ ...common, code: 'HDL0038', message, hint: `set portLevelMtls of a PeerAuthentication to DISABLE for port ${targetPort}` });
      continue;
    }
    const client = { namespace, withoutIdentity };
    const made = serverTransportSocket({ tls }, namespace, { credentials, client, ...(tlsDefaults !== undefined && { tlsDefaults }) });
    if (made.ok) {
      sockets.set(tls, made.value.socket);
      for (const unit of made.value.secrets) secrets.add(unit);
    } else {
      const { what, hint } = made.error;
      diagnostics.push({ ...common, code: 'HDL0073', severity: 'error', message: `port ${targetPort} is closed, as ${what}`, hint });
    }
  }
  return { sockets, secrets: [...secrets], diagnostics, key: `${namespace} ${[...sockets.keys()].map(({ origin }) => origin.line).join(',')}` };
}
