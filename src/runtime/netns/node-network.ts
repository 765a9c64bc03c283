// The node's own network: localhost, its two addresses, and a cable to each pod, between which it routes. No bridge: on some machines what a bridge
// carries goes through the rules of the node once more. Made in the namespaces that the process was started in; gone with them.
import { writeFileSync } from 'node:fs';
import { failed, ok, type Result } from '#base/result.ts';
import type { AddressPlan } from '#runtime/netns/address-plan.ts';
import type { NetnsPrograms } from '#runtime/netns/availability.ts';
import type { Plug } from '#runtime/netns/pause.ts';
import { runProgram } from '#runtime/netns/run-program.ts';

/** Pods reach each other through the node, so that what it redirects is redirected on the way back, too. */
const settings: Readonly<Record<string, string>> = {
  'ipv4/ip_forward': '1',
  'ipv4/conf/all/send_redirects': '0',
  'ipv4/conf/default/send_redirects': '0',
};

/** `accept_dad`: nobody else is on a cable, so nobody needs to be asked whether an address is free. */
const ipv6Settings: Readonly<Record<string, string>> = {
  'ipv6/conf/all/disable_ipv6': '0',
  'ipv6/conf/default/disable_ipv6': '0',
  'ipv6/conf/all/forwarding': '1',
  'ipv6/conf/default/accept_dad': '0',
};

/** Of the node on each cable, which pods have as the way to everywhere: an address of IPv6 is asked for on the cable that it is on. */
export const cableAddress = 'fe80::1';

export async function makeNodeNetwork({ ip }: NetnsPrograms, { nodeAddress, insideAddress, ipv6 }: AddressPlan): Promise<Result<undefined, string>> {
  const wrote = writeSettings(ipv6 === undefined ? settings : { ...settings, ...ipv6Settings });
  if (!wrote.ok) return wrote;
  const made = await runProgram(
    ip,
    ['-batch', '-'],
    `link set lo up
addr add ${nodeAddress}/32 dev lo
addr add ${insideAddress}/32 dev lo
${ipv6 === undefined ? '' : `addr add ${ipv6.nodeAddress}/128 dev lo nodad\n`}`,
  );
  return made.ok ? ok(undefined) : made;
}

function writeSettings(all: Readonly<Record<string, string>>): Result<undefined, string> {
  try {
    for (const [name, value] of Object.entries(all)) writeFileSync(`/proc/sys/net/${name}`, value);
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
  return ok(undefined);
}

/** Without effect where the cable went with the pod's namespaces already. */
export async function unplug({ ip }: NetnsPrograms, index: number): Promise<void> {
  await runProgram(ip, ['link', 'delete', cableOf(index)]);
}

function cableOf(index: number): string {
  return `pod${index}`;
}

/** The pod's end of the cable is `eth0` in the namespaces of the process; the node's end has no address, only the way to the pod's. */
export function plugInto({ ip }: NetnsPrograms, index: number, { nodeAddress, podAddress, ipv6 }: AddressPlan): Plug {
  return async (pid) => {
    const cable = cableOf(index);
    const plugged = await runProgram(
      ip,
      ['-batch', '-'],
      `link add ${cable} up type veth peer name eth0 netns ${pid}
route add ${podAddress(index)}/32 dev ${cable} src ${nodeAddress}
${ipv6 === undefined ? '' : ipv6Plug(cable, ipv6.podAddress(index), ipv6.nodeAddress)}`,
    );
    return plugged.ok ? ok(undefined) : plugged;
  };
}

function ipv6Plug(cable: string, podAddress: string, nodeAddress: string): string {
  return `addr add ${cableAddress}/64 dev ${cable} nodad
route add ${podAddress}/128 dev ${cable} src ${nodeAddress}
`;
}
