// The network of loopback mode: every pod has the address 127.0.0.1, ports that are chosen before it starts, and a proxy.
import { ok } from '#base/result.ts';
import type { MeshNetwork, PodNetwork } from '#runtime/network.ts';
import type { PortAllocator } from '#runtime/port-allocator.ts';
import { allPorts, choosePorts, loopbackAddress, outboundKey, type PodPorts } from '#runtime/port-plan.ts';

/** `allocator` gives the ports, and gets them back when their pod has ended; it stays its owner's. */
export function loopbackNetwork(allocator: PortAllocator): MeshNetwork {
  return {
    kind: 'loopback',
    nodeAddress: loopbackAddress,
    attach: async (plan, calls, fixed) => ok(loopbackPod(await choosePorts(plan, calls, allocator, fixed), allocator)),
    serve: () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}

/** The place of a pod with these ports. */
export function loopbackPod(ports: PodPorts, allocator?: PortAllocator): PodNetwork {
  return {
    kind: 'loopback',
    ports,
    nodeAddress: loopbackAddress,
    hasProxy: true,
    choosesPorts: true,
    reach: (hostname, called) => {
      const port = ports.outbound[outboundKey(hostname, called)];
      return port === undefined ? undefined : { address: ports.address, port };
    },
    hostSockets: {},
    hostAddresses: Object.fromEntries(Object.entries(ports.inbound).map(([port, { listen }]) => [port, `${ports.address}:${listen}`])),
    enter: (spec) => spec,
    detach: async () => allocator?.giveBack(allPorts(ports)),
  };
}
