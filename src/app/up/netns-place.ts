// A mesh in a network of its own, seen from inside: this process is the node of that network, and what has to come from this machine's real one comes
// over the link to the process that stayed there.
import type { Socket } from 'node:net';
import { EgressRelay } from '#app/up/egress-relay.ts';
import type { HostLink } from '#app/up/host-link.ts';
import type { InnerSettings } from '#app/up/host-protocol.ts';
import { NodeNames } from '#app/up/node-names.ts';
import type { MeshPlace, OpenPlace, PlaceNeeds } from '#app/up/place.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { destinationReader } from '#proxy/capture/original-destination.ts';
import { addressPlan, splitRanges } from '#runtime/netns/address-plan.ts';
import { openOuterNetwork } from '#runtime/netns/netns-network.ts';

/** Istio's ports of a control plane: this network has no other. */
const ports = { plain: 15010, secure: 15012 };

/** `parent`: the process that stayed outside. */
export function netnsPlace(settings: InnerSettings, link: HostLink, parent: number): MeshPlace {
  const plan = addressPlan(settings.means.cidr);
  return {
    kind: 'netns',
    pid: parent,
    others: [{ pid: process.pid, name: 'control plane' }],
    serviceRanges: plan.ok
      ? { IPv4: plan.value.serviceCidr, ...(plan.value.ipv6 !== undefined && { IPv6: plan.value.ipv6.serviceCidr }) }
      : undefined,
    whyTaken: (port) => link.whyTaken(port),
    open: (needs) => openPlace(settings, link, needs),
  };
}

async function openPlace({ means, user, egress }: InnerSettings, link: HostLink, needs: PlaceNeeds): Promise<Result<OpenPlace, Diagnostic>> {
  const { domain, podAt, emit, clock } = needs;
  const destinationOf = destinationReader();
  if (destinationOf === undefined) return failed(noDestinations);
  const relay = new EgressRelay({ egress, host: link, destinationOf, podAt, emit, clock });
  // Before the network is there, whose node address it will have: until then nobody can reach it.
  const egressPort = await relay.listen(hasIpv6(means) ? '::' : '0.0.0.0');
  const network = await openOuterNetwork({
    means,
    hostSockets: link,
    domain,
    user,
    egressPort,
    hidden: [needs.stateFolder],
    onProblem: (problem) => emit({ kind: 'diagnostics', diagnostics: [problem] }),
  });
  if (!network.ok) {
    await relay[Symbol.asyncDispose]();
    return network;
  }
  const names = new NodeNames({ link, egress, domain, address: network.value.nodeAddress, clock, random: needs.random });
  return ok({
    network: network.value,
    ports,
    plainAddress: undefined,
    serveNames: (known) => names.serve(known),
    dial: (host, port) => dial(link, host, port),
    adminSocket: (host, port) => link.listen(port, host),
    [Symbol.asyncDispose]: async () => {
      await names[Symbol.asyncDispose]();
      await relay[Symbol.asyncDispose]();
      await network.value[Symbol.asyncDispose]();
    },
  });
}

function hasIpv6({ cidr }: InnerSettings['means']): boolean {
  return splitRanges(cidr).ipv6 !== undefined;
}

async function dial(link: HostLink, host: string, port: number): Promise<Socket> {
  const socket = await link.connect(host, port);
  if (socket.ok) return socket.value;
  const hint = socket.error.code === 'EGRESS' ? '; --egress host allows it' : '';
  throw new Error(`${socket.error.reason}${hint}`);
}

const noDestinations: Diagnostic = {
  code: 'HDL0410',
  severity: 'error',
  message: 'this Node cannot ask where a captured connection was meant to go (node:ffi is missing)',
  hint: 'use the Node that comes with the installation, or --network loopback',
};
