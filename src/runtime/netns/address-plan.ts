// How the range of a mesh's network is divided: this machine, pods, addresses of Services, and the second address of each pod that its proxy
// binds its own connections to. Pure.
import { formatIp, type IpRange, parseCidr } from '#base/cidr.ts';
import { failed, ok, type Result } from '#base/result.ts';

/** What one family of addresses has of it. */
export type FamilyPlan = {
  /** `198.18.0.0/15`. */
  readonly cidr: string;
  /** This machine as pods see it. */
  readonly nodeAddress: string;
  /** The range whose addresses Services get (ClusterIP). */
  readonly serviceCidr: string;
  /** Of the pod with this index, from 0. */
  readonly podAddress: (index: number) => string;
  readonly proxyAddress: (index: number) => string;
};

/** Of IPv4, which every mesh has, and of IPv6 where a range of it was named. */
export type AddressPlan = FamilyPlan & {
  /** The address from which a pod's own 127.0.0.1 is reached. */
  readonly insideAddress: string;
  /** How many pods find an address. */
  readonly podCount: number;
  readonly ipv6?: FamilyPlan;
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
  { cidr: '::/16', meaning: "no machine, every machine's own or IPv4" },
  { cidr: 'fe80::/10', meaning: 'one cable alone' },
  { cidr: 'ff00::/8', meaning: 'groups of machines' },
];

/**
 * `198.18.0.0/15`, or with a range of IPv6 beside it: `198.18.0.0/15,fd00:18::/64`. The failure is a sentence: a range that is none, is too small or
 * too large, or that no pod may have.
 */
export function addressPlan(text: string): Result<AddressPlan, string> {
  const { ipv4, ipv6, problem } = splitRanges(text);
  if (problem !== undefined) return failed(problem);
  const first = ipv4Plan(ipv4 ?? '');
  if (!first.ok || ipv6 === undefined) return first;
  const second = ipv6Plan(ipv6);
  return second.ok ? ok({ ...first.value, ipv6: second.value }) : second;
}

/** As `addressPlan` reads it. */
export function planText({ cidr, ipv6 }: AddressPlan): string {
  return ipv6 === undefined ? cidr : `${cidr},${ipv6.cidr}`;
}

/** One range of each family at most, in any order. */
export function splitRanges(text: string): { readonly ipv4?: string; readonly ipv6?: string; readonly problem?: string } {
  const parts = text.split(',').map((part) => part.trim());
  const [ipv6, ...moreIpv6] = parts.filter((part) => part.includes(':'));
  const [ipv4, ...moreIpv4] = parts.filter((part) => !part.includes(':'));
  if (moreIpv4.length + moreIpv6.length > 0) return { problem: `${text} names several ranges of one family: one of IPv4 and one of IPv6 can be had` };
  return { ...(ipv4 !== undefined && { ipv4 }), ...(ipv6 !== undefined && { ipv6 }) };
}

/** The lower half is for this machine and pods; the upper half for Services and, in its own upper half, proxies. */
function ipv4Plan(cidr: string): Result<AddressPlan, string> {
  const range = fitRange(cidr, 8, 22, '198.18.0.0/15');
  if (!range.ok) return range;
  const [base = 0] = range.value.words;
  const size = 2 ** (32 - range.value.length);
  const at = (offset: number): string => formatIpv4(base + offset);
  const half = size / 2;
  const proxies = half + half / 2;
  return ok({
    cidr: `${at(0)}/${range.value.length}`,
    nodeAddress: at(1),
    insideAddress: at(2),
    serviceCidr: `${at(half)}/${range.value.length + 2}`,
    podCount: half / 2 - firstPod,
    podAddress: (index) => at(firstPod + index),
    proxyAddress: (index) => at(proxies + firstPod + index),
  });
}

/** In the same way, of the last 32 bits: all else of the address is the same for all. */
function ipv6Plan(cidr: string): Result<FamilyPlan, string> {
  const range = fitRange(cidr, 16, 96, 'fd00:18::/64');
  if (!range.ok) return range;
  const [a = 0, b = 0, c = 0] = range.value.words;
  const at = (offset: number): string => formatIp({ family: 6, words: [a, b, c, offset] });
  return ok({
    cidr: `${at(0)}/${range.value.length}`,
    nodeAddress: at(1),
    serviceCidr: `${at(2 ** 31)}/98`,
    podAddress: (index) => at(firstPod + index),
    proxyAddress: (index) => at(2 ** 31 + 2 ** 30 + firstPod + index),
  });
}

function fitRange(cidr: string, shortest: number, longest: number, example: string): Result<IpRange, string> {
  const range = parseCidr(cidr);
  // An address of IPv4 may be written as one of IPv6.
  if (range === undefined || !cidr.includes('/') || cidr.includes(':') !== (range.family === 6)) {
    return failed(`${cidr} is no range of addresses such as ${example}`);
  }
  if (range.length > longest || range.length < shortest) return failed(`${cidr} must have a length from /${shortest} to /${longest}`);
  // Each of them can be read.
  const wrong = unfit.find((one) => overlap(parseCidr(one.cidr) ?? range, range));
  return wrong === undefined ? ok(range) : failed(`${cidr} cannot be had: addresses of ${wrong.cidr} mean ${wrong.meaning}`);
}

/** Whether two ranges have an address in common. */
export function overlap(one: IpRange, other: IpRange): boolean {
  if (one.family !== other.family) return false;
  const wider = one.length <= other.length ? one : other;
  const narrower = wider === one ? other : one;
  return narrower.words.every((word, index) => (word & (wider.masks[index] ?? 0)) >>> 0 === wider.words[index]);
}

function formatIpv4(word: number): string {
  return formatIp({ family: 4, words: [word] });
}
