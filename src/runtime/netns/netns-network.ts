// The network in which each pod has namespaces, an address and a localhost of its own. In: the means that this machine gives, in a process that
// is the node of the mesh (started by `outerCommand`). Out: a MeshNetwork.
import type { Diagnostic } from '#base/diagnostic.ts';
import { failed, type Result } from '#base/result.ts';
import type { NetnsMeans } from '#runtime/netns/availability.ts';
import type { HostSockets, MeshNetwork } from '#runtime/network.ts';

export type OuterNetworkOptions = {
  /** What `canNetns` found out in the host's namespaces. */
  readonly means: NetnsMeans;
  /** Opens the ways in of gateways. */
  readonly hostSockets: HostSockets;
  readonly domain: string;
  /** Who the applications run as; the user who typed the command. */
  readonly user: { readonly uid: number; readonly gid: number };
  /** Where connections to the real network go, on the node's address; undefined: nowhere, they are refused at once. */
  readonly egressPort?: number | undefined;
};

export async function openOuterNetwork(_options: OuterNetworkOptions): Promise<Result<MeshNetwork, Diagnostic>> {
  return failed({ code: 'HDL0410', severity: 'error', message: 'pods of their own are not ready yet' });
}
