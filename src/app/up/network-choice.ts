// Which network a mesh gets: what the user asked for and what this machine can give in; out the choice, and in words why it is not the better one.
import type { Diagnostic } from '#base/diagnostic.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { canNetns, type NetnsMeans } from '#runtime/netns/availability.ts';

export type NetworkWish = {
  readonly network: 'auto' | 'netns' | 'loopback';
  readonly networkCidr?: string | undefined;
  /** As it was written; undefined where it was not. */
  readonly egress?: 'none' | 'host' | undefined;
};

export type NetworkChoice =
  | { readonly kind: 'netns'; readonly means: NetnsMeans }
  /** `because`: a better one was looked for. */
  | { readonly kind: 'loopback'; readonly because?: Diagnostic };

/** The failure is a wish that cannot be granted. `find` is asked only where it matters. */
export async function chooseNetwork(
  { network, networkCidr, egress }: NetworkWish,
  environment: Readonly<Record<string, string | undefined>>,
  find: typeof canNetns = canNetns,
): Promise<Result<NetworkChoice, Diagnostic>> {
  if (network === 'loopback') {
    const option = networkCidr === undefined ? (egress === undefined ? undefined : '--egress') : '--network-cidr';
    return option === undefined ? ok({ kind: 'loopback' }) : failed(meaningless(option));
  }
  const found = await find({ cidr: networkCidr, environment });
  if (found.ok) return ok({ kind: 'netns', means: found.value });
  // A range that was asked for, and that nothing leaves, are promises that loopback mode cannot keep.
  if (network === 'netns' || networkCidr !== undefined || egress === 'none') return found;
  return ok({ kind: 'loopback', because: found.error });
}

function meaningless(option: string): Diagnostic {
  return {
    code: 'HDL0410',
    severity: 'error',
    message: `${option} is about a network of the mesh's own, and --network loopback has none: programs there use the network of this machine`,
    hint: `leave ${option} out, or use --network netns`,
  };
}
