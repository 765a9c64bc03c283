// A call as somebody describes it on a command line, as the proxy of the called workload would see it.
import type { PortPolicies } from '#app/authz-ports.ts';
import { parseIp } from '#base/cidr.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { Call } from '#decide/decision.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import { serviceSelects } from '#model/service-selection.ts';
import type { Workload } from '#model/workload.ts';

export type CheckedCall = {
  /** `account`, `namespace/account`, or a SPIFFE identity with or without `spiffe://`; nobody: plaintext. */
  readonly from?: string;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** Of the workload; its first port of HTTP, else its first, unless given. */
  readonly port?: number;
  /** Names in lower case; `host` is the authority. */
  readonly headers: Readonly<Record<string, string>>;
  /** The address that the caller's connection is from. */
  readonly ip?: string;
};

/** What is asked, in the words of the answer, and the call for decide. */
export type DescribedCall = { readonly title: string; readonly port: number; readonly carries: PortPolicies['carries']; readonly call: Call };

/** The error says what of the question cannot be, or names the ports that there are. */
export function authzCall(
  asked: CheckedCall,
  proxy: Proxy,
  workload: Workload,
  ports: readonly PortPolicies[],
  mesh: Mesh,
): Result<DescribedCall, string> {
  const misfit = misfitOf(asked);
  if (misfit !== undefined) return failed(misfit);
  const chosen = asked.port === undefined ? (ports.find(({ carries }) => carries === 'http') ?? ports[0]) : portOf(asked.port, ports);
  if (chosen === undefined) {
    const known = ports.map(({ port }) => port).join(', ');
    return failed(
      known === '' ? `no service names a port of ${workload.name}; say which with --port` : `no service names port ${asked.port}; ports are ${known}`,
    );
  }
  const { port, carries } = chosen;
  const identity = asked.from === undefined ? undefined : identityOf(asked.from, workload.namespace, mesh.settings.trustDomain);
  const authority = asked.headers['host'] ?? serviceHost(workload, mesh);
  const forwarded = asked.headers['x-forwarded-for']?.split(',').at(-1)?.trim();
  const isHttp = carries === 'http';
  const who = identity === undefined ? 'somebody without a certificate' : identity;
  return ok({
    title: `${isHttp ? `${asked.method} ${asked.path}` : 'a connection'} by ${who} to port ${port}`,
    port,
    carries,
    call: {
      connection: {
        destinationAddress: proxy.addresses[0] ?? '',
        destinationPort: port,
        sourceAddress: asked.ip ?? '192.0.2.1',
        sourcePort: 40_000,
        ...(proxy.type === 'sidecar' && forwarded !== undefined && { remoteAddress: forwarded }),
        ...transport(identity, proxy, chosen, authority),
      },
      ...(proxy.type === 'sidecar' && { acceptedOn: { address: '127.0.0.1', port: mesh.settings.listeners?.inboundPort ?? 15_006 } }),
      ...(isHttp && {
        request: { method: asked.method, scheme: 'http', authority, path: asked.path, header: (name: string) => asked.headers[name] },
      }),
      timeMs: Date.now(),
    },
  });
}

function misfitOf({ from, ip }: CheckedCall): string | undefined {
  if (ip !== undefined && parseIp(ip) === undefined) return `--ip ${ip} is no IP address`;
  if (from === undefined || from.startsWith('spiffe://')) return undefined;
  const parts = from.split('/');
  if (parts.every((part) => part !== '') && (parts.length < 3 || (parts.length === 5 && parts[1] === 'ns' && parts[3] === 'sa'))) return undefined;
  return `--from ${from} is nobody: write ACCOUNT, NAMESPACE/ACCOUNT, TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT or spiffe://…`;
}

/** Ports that no service names are there all the same: what comes to them is sniffed. */
function portOf(port: number, ports: readonly PortPolicies[]): PortPolicies {
  return ports.find((one) => one.port === port) ?? { port, carries: 'http', rules: [] };
}

function transport(
  identity: string | undefined,
  proxy: Proxy,
  port: PortPolicies,
  authority: string,
): Pick<Call['connection'], 'transportProtocol' | 'applicationProtocols' | 'serverName' | 'secure' | 'peerNames'> {
  const isHttp = port.carries === 'http';
  if (proxy.type === 'router' && port.tls === true) {
    const names = identity === undefined ? {} : { peerNames: [identity] };
    return { transportProtocol: 'tls', applicationProtocols: ['http/1.1'], serverName: authority.replace(/:\d+$/, ''), secure: true, ...names };
  }
  if (identity === undefined) return { transportProtocol: 'raw_buffer', applicationProtocols: isHttp ? ['http/1.1'] : [] };
  return {
    transportProtocol: 'tls',
    applicationProtocols: isHttp ? ['istio-http/1.1', 'istio', 'http/1.1'] : ['istio'],
    serverName: `outbound_.${port.port}_._.${authority}`,
    secure: true,
    peerNames: [identity],
  };
}

/** `web`, `shop/web`, `cluster.local/ns/shop/sa/web`, `spiffe://…`. */
function identityOf(written: string, namespace: string, trustDomain: string): string {
  if (written.startsWith('spiffe://')) return written;
  const parts = written.split('/');
  if (parts.length > 2) return `spiffe://${written}`;
  const [first = '', second] = parts;
  return second === undefined ? `spiffe://${trustDomain}/ns/${namespace}/sa/${first}` : `spiffe://${trustDomain}/ns/${first}/sa/${second}`;
}

function serviceHost(workload: Workload, { services, settings }: Mesh): string {
  const service = [...services.values()].find((one) => serviceSelects(one, workload));
  return service?.hostname ?? `${workload.namespace}.svc.${settings.domain}`;
}
