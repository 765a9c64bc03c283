// Whether this machine lets this user have network namespaces, found out by making one. Out: by what means, or why not and what to do, in the
// words of somebody who has never heard of a namespace.
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { parseCidr } from '#base/cidr.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { type AddressPlan, addressPlan, overlap, planText, splitRanges, usualRanges } from '#runtime/netns/address-plan.ts';
import { type HostRoute, hostRoutes } from '#runtime/netns/host-routes.ts';
import { type FailedStep, type RulesProgram, tryNamespaces } from '#runtime/netns/trial.ts';

/** The programs that make namespaces, by their whole path. */
export type NetnsPrograms = {
  readonly unshare: string;
  readonly nsenter: string;
  readonly ip: string;
  readonly mount: string;
  readonly hostname: string;
  /** What writes the rules of capture. */
  readonly rules: RulesProgram;
};

/** Plain values, so that one process can hand them to another. */
export type NetnsMeans = {
  /** False: everything happens in a user namespace, where this user is root. */
  readonly isRoot: boolean;
  readonly programs: NetnsPrograms;
  /** The range of all addresses, or one of each family; `addressPlan` divides it. */
  readonly cidr: string;
};

export type NetnsQuestion = {
  /** What the user asked for; a range in use is then an error, and otherwise the next one is taken. */
  readonly cidr?: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly uid?: number | undefined;
  readonly routes?: readonly HostRoute[];
  /** Where programs of the administrator are, beside PATH. */
  readonly programFolders?: readonly string[];
};

/**
 * To be asked in the host's namespaces. Makes namespaces, an interface, a mount and a rule, and lets go of them (some 30 ms). The failure has the
 * code HDL0410, HDL0411 for a range of addresses that cannot be had.
 */
export async function canNetns(question: NetnsQuestion): Promise<Result<NetnsMeans, Diagnostic>> {
  if (process.platform !== 'linux') return failed(refusal('pods of their own need Linux', 'this system runs in loopback mode: --network loopback'));
  const addresses = chooseRange(question.cidr, question.routes ?? hostRoutes());
  if (!addresses.ok) return addresses;
  const programs = findPrograms(question);
  if (!programs.ok) return programs;
  const isRoot = (question.uid ?? process.getuid?.()) === 0;
  const tried = await tryNamespaces(isRoot, programs.value, addresses.value.ipv6 !== undefined);
  if (!tried.ok) return failed(explain(tried.error, isRoot));
  return ok({ isRoot, programs: { ...programs.value, rules: tried.value }, cidr: planText(addresses.value) });
}

/** What runs a program in namespaces of its own, that end with it: the node of the mesh. Arguments of the program follow. */
export function outerCommand({ isRoot, programs }: NetnsMeans): readonly string[] {
  return [programs.unshare, ...(isRoot ? [] : ['--user', '--map-root-user']), '--net', '--mount', '--uts', '--'];
}

/** `asked`: of one family or both (`splitRanges`); what is not asked for of IPv4 is chosen, of IPv6 there is none. */
export function chooseRange(asked: string | undefined, routes: readonly HostRoute[]): Result<AddressPlan, Diagnostic> {
  const { ipv4, ipv6, problem } = asked === undefined ? {} : splitRanges(asked);
  if (problem !== undefined) return failed(unfitRange(problem));
  const beside = ipv6 === undefined ? '' : `,${ipv6}`;
  for (const cidr of ipv4 === undefined ? usualRanges : [ipv4]) {
    const plan = addressPlan(`${cidr}${beside}`);
    if (!plan.ok) return failed(unfitRange(plan.error));
    const { ipv6: second } = plan.value;
    const inUse = second === undefined ? undefined : takenBy(second.cidr, routes);
    if (inUse !== undefined) return failed(usedRange(ipv6 ?? '', inUse));
    const taken = takenBy(plan.value.cidr, routes);
    if (taken === undefined) return plan;
    if (ipv4 !== undefined) return failed(usedRange(ipv4, taken));
  }
  const message = `all ranges that a mesh would take are in use on this machine: ${usualRanges.join(', ')}`;
  return failed({ code: 'HDL0411', severity: 'error', message, hint: `name a free one: --network-cidr 10.77.0.0/16${beside}` });
}

function takenBy(cidr: string, routes: readonly HostRoute[]): HostRoute | undefined {
  const range = parseCidr(cidr);
  return range === undefined ? undefined : routes.find((route) => overlap(route.range, range));
}

function unfitRange(message: string): Diagnostic {
  const hint = 'leave --network-cidr out for the usual 198.18.0.0/15; 198.18.0.0/15,fd00:18::/64 gives pods IPv6 as well';
  return { code: 'HDL0411', severity: 'error', message, hint };
}

function usedRange(cidr: string, { range, device }: HostRoute): Diagnostic {
  const message = `the range ${cidr} is in use: this machine has a route to ${range.text} through ${device}`;
  const hint = cidr.includes(':')
    ? 'choose another one, such as fd00:77::/64'
    : 'choose another one, or leave --network-cidr out: a free one is then taken';
  return { code: 'HDL0411', severity: 'error', message, hint };
}

type Found = Omit<NetnsPrograms, 'rules'> & { readonly rules: readonly RulesProgram[] };

const usualFolders: readonly string[] = ['/usr/sbin', '/sbin', '/usr/local/sbin', '/usr/bin', '/bin'];

/** On PATH, and where systems keep the programs of their administrator. */
function findPrograms({ environment: { PATH = '' }, programFolders = usualFolders }: NetnsQuestion): Result<Found, Diagnostic> {
  const folders = [...PATH.split(delimiter).filter((folder) => folder !== ''), ...programFolders];
  const find = (name: string): string | undefined => folders.map((folder) => join(folder, name)).find(isExecutable);
  const missing: string[] = [];
  const need = (name: string, from: string): string => {
    const path = find(name);
    if (path === undefined) missing.push(`${name} (package ${from})`);
    return path ?? '';
  };
  const [unshare, nsenter, mount] = [need('unshare', 'util-linux'), need('nsenter', 'util-linux'), need('mount', 'util-linux')];
  const [ip, hostname] = [need('ip', 'iproute2'), need('hostname', 'hostname')];
  const rules = (['nft', 'iptables-restore'] as const).flatMap((kind): readonly RulesProgram[] => {
    const path = find(kind);
    return path === undefined ? [] : [{ kind, path }];
  });
  if (rules.length === 0) missing.push('nft (package nftables), or iptables-restore (package iptables)');
  if (missing.length > 0)
    return failed(
      refusal(
        `this machine lacks ${missing.join(', ')}`,
        'install what is missing: sudo apt install nftables iproute2 util-linux hostname, or what your system calls them',
      ),
    );
  return ok({ unshare, nsenter, ip, mount, hostname, rules });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** From what failed and what this system says of itself. `read` gives the text of a file below /proc/sys, '' where there is none. */
export function explain(
  { step, said }: FailedStep,
  isRoot: boolean,
  read: (path: string) => string = readSetting,
  isContainer = runsInContainer(),
): Diagnostic {
  const detail = said === '' ? '' : ` (${said})`;
  if (step === 'ipv6') {
    const hint = 'leave the range of IPv6 out of --network-cidr, or boot without ipv6.disable=1';
    return refusal(`this machine has no IPv6, which --network-cidr asks for${detail}`, hint);
  }
  if (step === 'rules') {
    const hint = 'a module of the kernel is missing: try sudo modprobe nft_redir nft_nat, or install iptables as well';
    return refusal(`the kernel takes no rules that capture connections${detail}`, hint);
  }
  const asRoot = 'or run it as root';
  if (!isRoot && read('user/max_user_namespaces') === '0') {
    return refusal('user namespaces are switched off on this machine', `sudo sysctl -w user.max_user_namespaces=15000, ${asRoot}`);
  }
  if (!isRoot && read('kernel/unprivileged_userns_clone') === '0') {
    return refusal('this machine keeps user namespaces for root', `sudo sysctl -w kernel.unprivileged_userns_clone=1, ${asRoot}`);
  }
  if (!isRoot && read('kernel/apparmor_restrict_unprivileged_userns') === '1') {
    const hint = `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, ${asRoot}`;
    return refusal('AppArmor keeps programs that it has no profile for from using user namespaces', hint);
  }
  if (isContainer) {
    return refusal(`this container may not make namespaces${detail}`, 'start it with --privileged, or use --network loopback in it');
  }
  const what = {
    unshare: 'namespaces are refused',
    ip: 'no network can be made in a namespace',
    settings: 'the settings of a network cannot be changed in a namespace',
    mount: 'nothing can be mounted in a namespace',
    user: 'a namespace may not have another one for its programs',
  }[step];
  return refusal(
    `${what}${detail}`,
    isRoot ? 'is this kernel built with network namespaces and veth?' : `a rule of this machine forbids it: ask its administrator, ${asRoot}`,
  );
}

function refusal(message: string, hint: string): Diagnostic {
  return { code: 'HDL0410', severity: 'error', message, hint };
}

function readSetting(path: string): string {
  try {
    return readFileSync(join('/proc/sys', path), 'utf8').trim();
  } catch {
    return '';
  }
}

function runsInContainer(): boolean {
  return existsSync('/.dockerenv') || existsSync('/run/.containerenv');
}
