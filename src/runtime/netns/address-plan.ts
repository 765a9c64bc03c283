// How the range of a mesh's network is divided: this machine, pods, addresses of Services, and the second address of each pod that its proxy
// binds its own connections to. Pure.
import { type IpRange, parseCidr } from '#base/cidr.ts';
import { failed, ok, type Result } from '#base/result.ts';

export type AddressPlan = {
  /** `198.18.0.0/15`. */
  readonly cidr: string;
  /** This machine as pods see it, and the address from which a pod's own 127.0.0.1 is reached. */
  readonly nodeAddress: string;
  readonly insideAddress: string;
  /** The range whose addresses Services get (ClusterIP). */
  readonly serviceCidr: string;
  /** How many pods find an address. */
  readonly podCount: number;
  /** Of the pod with this index, from 0. */
  readonly podAddress: (index: number) => string;
  readonly proxyAddress: (index: number) => string;
};

/** The range that the Internet keeps for tests of networks (RFC 2544), and what stands in where this machine has a route into it. */
export const usualRanges: readonly string[] = ['198.18.0.0/15', '10.198.0.0/15', '100.118.0.0/15', '172.30.0.0/15'];

const firstPod = 10;

/** Which no machine may have, or which go past capture, as every pod's own do. */
const unfit: readonly { readonly cidr: string; readonly meaning: string }[] = [
  { cidr: '0.0.0.0/8', meaning: 'no machine' },
  { cidr: '127.0.0.0/8', meaning: "every machine's own" },
  { cidr: '169.254.0.0/16', meaning: 'one cable alone' },
  { cidr: '224.0.0.0/3', meaning: 'groups of machines' },
];

/**
 * The lower half is for this machine and pods; the upper half for Services and, in its own upper half, proxies. The failure is a sentence: a
 * range that is none, is not IPv4, is too small or too large, or that no pod may have.
 */
export function addressPlan(cidr: string): Result<AddressPlan, string> {
  const range = parseCidr(cidr);
  const [base] = range?.words ?? [];
  if (range === undefined || base === undefined || !cidr.includes('/')) return failed(`${cidr} is no range of addresses such as 198.18.0.0/15`);
  if (range.family !== 4) return failed(`${cidr} is not IPv4: pods get IPv4 addresses alone`);
  if (range.length > 22 || range.length < 8) return failed(`${cidr} must have a length from /8 to /22`);
  // Each of them can be read.
  const wrong = unfit.find((one) => overlap(parseCidr(one.cidr) ?? range, range));
  if (wrong !== undefined) return failed(`${cidr} cannot be had: addresses of ${wrong.cidr} mean ${wrong.meaning}`);
  const size = 2 ** (32 - range.length);
  const at = (offset: number): string => formatIpv4(base + offset);
  const half = size / 2;
  const proxies = half + half / 2;
  return ok({
    cidr: `${at(0)}/${range.length}`,
    nodeAddress: at(1),
    insideAddress: at(2),
    serviceCidr: `${at(half)}/${range.length + 2}`,
    podCount: half / 2 - firstPod,
    podAddress: (index) => at(firstPod + index),
    proxyAddress: (index) => at(proxies + firstPod + index),
  });
}

/** Whether two ranges have an address in common. */
export function overlap(one: IpRange, other: IpRange): boolean {
  if (one.family !== other.family) return false;
  const wider = one.length <= other.length ? one : other;
  const narrower = wider === one ? other : one;
  return narrower.words.every((word, index) => (word & (wider.masks[index] ?? 0)) >>> 0 === wider.words[index]);
}

export function formatIpv4(word: number): string {
  return [24, 16, 8, 0].map((shift) => (word >>> shift) & 255).join('.');
}
