// The network of loopback mode: every pod has the address 127.0.0.1 and ports that are chosen before it starts.
import { ok } from '#base/result.ts';
import { hasProxy } from '#runtime/injection.ts';
import type { MeshNetwork, PodNetwork } from '#runtime/network.ts';
import type { PortAllocator } from '#runtime/port-allocator.ts';
import { allPorts, choosePorts, choosePortsWithoutProxy, loopbackAddress, outboundKey, type PodPorts } from '#runtime/port-plan.ts';
import { ServiceForwarder } from '#runtime/service-forwarder.ts';

/** `allocator` gives the ports, and gets them back when their pod has ended; it stays its owner's. */
export function loopbackNetwork(allocator: PortAllocator): MeshNetwork {
  const services = new ServiceForwarder(allocator);
  return {
    kind: 'loopback',
    nodeAddress: loopbackAddress,
    attach: async (plan, calls, fixed) => {
      if (hasProxy(plan)) return ok(loopbackPod(await choosePorts(plan, calls, allocator, fixed), allocator));
      const pod = loopbackPod(await choosePortsWithoutProxy(plan, allocator), allocator);
      const ways = await services.open(plan.pod.metadata.namespace, calls);
      return ok({ ...pod, hasProxy: false, reach: (hostname, called) => localReach(ways.get(outboundKey(hostname, called))) });
    },
    serve: (resources) => services.take(resources),
    [Symbol.asyncDispose]: () => services[Symbol.asyncDispose](),
  };
}

/** The place of a pod with these ports, and with a proxy. */
export function loopbackPod(ports: PodPorts, allocator?: PortAllocator): PodNetwork {
  return {
    kind: 'loopback',
    ports,
    nodeAddress: loopbackAddress,
    hasProxy: true,
    choosesPorts: true,
    reach: (hostname, called) => localReach(ports.outbound[outboundKey(hostname, called)]),
    hostSockets: {},
    hostAddresses: Object.fromEntries(Object.entries(ports.inbound).map(([port, { listen }]) => [port, `${ports.address}:${listen}`])),
    enter: (spec) => spec,
    detach: async () => allocator?.giveBack(allPorts(ports)),
  };
}

function localReach(port: number | undefined): ReturnType<PodNetwork['reach']> {
  return port === undefined ? undefined : { address: loopbackAddress, port };
}
