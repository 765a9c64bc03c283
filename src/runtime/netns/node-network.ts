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

export async function makeNodeNetwork({ ip }: NetnsPrograms, { nodeAddress, insideAddress }: AddressPlan): Promise<Result<undefined, string>> {
  const made = await runProgram(
    ip,
    ['-batch', '-'],
    `link set lo up
addr add ${nodeAddress}/32 dev lo
addr add ${insideAddress}/32 dev lo
`,
  );
  if (!made.ok) return made;
  try {
    for (const [name, value] of Object.entries(settings)) writeFileSync(`/proc/sys/net/${name}`, value);
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
export function plugInto({ ip }: NetnsPrograms, index: number, { nodeAddress, podAddress }: AddressPlan): Plug {
  return async (pid) => {
    const cable = cableOf(index);
    const plugged = await runProgram(
      ip,
      ['-batch', '-'],
      `link add ${cable} up type veth peer name eth0 netns ${pid}
route add ${podAddress(index)}/32 dev ${cable} src ${nodeAddress}
`,
    );
    return plugged.ok ? ok(undefined) : plugged;
  };
}
