// The node's own network: localhost, a bridge to all pods, its two addresses, and routing between pods. Made once, in the namespaces that the
// process was started in; gone with them.
import { writeFileSync } from 'node:fs';
import { failed, ok, type Result } from '#base/result.ts';
import type { AddressPlan } from '#runtime/netns/address-plan.ts';
import type { NetnsPrograms } from '#runtime/netns/availability.ts';
import type { Plug } from '#runtime/netns/pause.ts';
import { runProgram } from '#runtime/netns/run-program.ts';

/** The bridge between all pods and the node. */
export const bridge = 'heddle0';

/** Pods reach each other through the node and not past it, so that what it redirects is redirected on the way back, too. */
const settings: Readonly<Record<string, string>> = {
  'ipv4/ip_forward': '1',
  'ipv4/conf/all/send_redirects': '0',
  [`ipv4/conf/${bridge}/send_redirects`]: '0',
  'ipv4/conf/all/rp_filter': '0',
  [`ipv4/conf/${bridge}/rp_filter`]: '0',
};

export async function makeNodeNetwork(
  { ip }: NetnsPrograms,
  { nodeAddress, insideAddress, podCidr }: AddressPlan,
): Promise<Result<undefined, string>> {
  const made = await runProgram(
    ip,
    ['-batch', '-'],
    `link set lo up
link add ${bridge} type bridge
addr add ${nodeAddress}/32 dev ${bridge}
addr add ${insideAddress}/32 dev ${bridge}
link set ${bridge} up
route add ${podCidr} dev ${bridge} src ${nodeAddress}
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

/** The pod's end of the cable is `eth0` in the namespaces of the process. */
export function plugInto({ ip }: NetnsPrograms, index: number): Plug {
  return async (pid) => {
    const cable = `pod${index}`;
    const plugged = await runProgram(
      ip,
      ['-batch', '-'],
      // Isolated: to each other pods speak through the node alone.
      `link add ${cable} up master ${bridge} type veth peer name eth0 netns ${pid}
link set ${cable} type bridge_slave isolated on
`,
    );
    return plugged.ok ? ok(undefined) : plugged;
  };
}
