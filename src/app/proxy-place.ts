// Where the proxy of a pod is: what its program is told of the pod's network, and how its admin server is reached. On one loopback address it has a free
// port for that; in a network of its own Istio's, which is the pod's own 127.0.0.1 to whoever comes from the inside address.
import type { AdminPlace } from '#agent/admin-place.ts';
import { formatAddress } from '#proxy/downstream-connection.ts';
import type { PodNetwork } from '#runtime/network.ts';
import type { PortAllocator } from '#runtime/port-allocator.ts';

export type ProxyPlace = {
  readonly admin: AdminPlace;
  /** As people write it. */
  readonly adminText: string;
  /** Where Prometheus asks, likewise: the proxy's metrics and the application's. */
  readonly metricsText: string;
  /** Of its program: src/app/pod-options.ts reads them. */
  readonly args: readonly string[];
  /** What a process of its own is told besides, and the descriptors that it inherits, from 3 on. */
  readonly inherited: { readonly args: readonly string[]; readonly descriptors: readonly number[] };
  /** After its end. */
  readonly giveBack: () => void;
};

/** Istio's. */
const podAdminPort = 15_000;
const podMetricsPorts = [15_020, 15_090] as const;
/** Where questions for names are led to, and where those are answered that the proxy cannot answer. */
const podDns = '127.0.0.1:15053';
const nodeDnsPort = 53;
export const firstInherited = 3;

export async function proxyPlace(network: PodNetwork, allocator: PortAllocator): Promise<ProxyPlace> {
  if (network.kind === 'loopback') {
    const port = await allocator.take();
    const metricsPort = await allocator.take();
    return {
      admin: { host: '127.0.0.1', port },
      adminText: `127.0.0.1:${port}`,
      metricsText: `127.0.0.1:${metricsPort}`,
      args: ['--metrics-ports', String(metricsPort)],
      inherited: { args: [], descriptors: [] },
      giveBack: () => allocator.giveBack([port, metricsPort]),
    };
  }
  const { ports, proxyAddresses = [], insideAddress, nodeAddress, hostSockets } = network;
  const sockets = Object.entries(hostSockets);
  const localAddress = insideAddress === undefined ? {} : { localAddress: insideAddress };
  return {
    admin: { host: ports.address, port: podAdminPort, ...localAddress },
    adminText: formatAddress(ports.address, podAdminPort),
    metricsText: formatAddress(ports.address, podMetricsPorts[0]),
    args: [
      ...['--metrics-ports', podMetricsPorts.join(',')],
      ...(proxyAddresses.length === 0 ? [] : ['--bind-source', proxyAddresses.join(',')]),
      ...['--dns', podDns, '--dns-upstream', formatAddress(nodeAddress, nodeDnsPort)],
    ],
    inherited: {
      args: sockets.flatMap(([port], index) => ['--host-socket', `${port}=${firstInherited + index}`]),
      descriptors: sockets.map(([, { fd }]) => fd),
    },
    giveBack: () => {},
  };
}
