// A process that does nothing but hold a pod's namespaces, and the shell script by which it makes them what they shall be. It ends when the pipe to us
// closes, by whatever end of ours.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { failed, ok, type Result } from '#base/result.ts';
import type { NetnsPrograms } from '#runtime/netns/availability.ts';
import type { PodFiles } from '#runtime/netns/pod-files.ts';
import { quote } from '#runtime/netns/shell-word.ts';
import { ip6tablesOf, type RulesProgram } from '#runtime/netns/trial.ts';

export type PauseSettings = {
  readonly programs: NetnsPrograms;
  readonly files: PodFiles;
  readonly addresses: PauseAddresses;
  /** Undefined: the pod has IPv4 alone. */
  readonly ipv6?: PauseAddresses | undefined;
  /** What `rules.kind` reads. */
  readonly rules: string;
  /** What ip6tables-restore reads, where that writes them. */
  readonly ipv6Rules?: string | undefined;
  readonly run: RunFolder;
  /** Folders that are there, and that applications see empty. */
  readonly hidden: readonly string[];
};

/** `node`: what leads everywhere. */
export type PauseAddresses = { readonly pod: string; readonly proxy: string; readonly node: string };

/** What this machine has in /run: each pod has one of its own, with the same folders, empty, and everybody may write into them. */
export type RunFolder = {
  readonly folders: readonly string[];
  readonly links: readonly { readonly name: string; readonly target: string }[];
  /** Where /etc/resolv.conf, /etc/hosts and /etc/hostname really are, as far as they exist. */
  readonly resolv: string;
  readonly hosts: string | undefined;
  readonly hostname: string | undefined;
  /** How programs look up names; undefined where files and DNS are all that is asked, or nothing is said. */
  readonly nameSwitch: { readonly place: string; readonly text: string } | undefined;
};

/** The ways into a pod's namespaces, as paths; `mount` for what belongs to the mesh, `applicationMount` with what is hidden from applications. */
export type Namespaces = { readonly net: string; readonly mount: string; readonly applicationMount: string; readonly uts: string };

/** What a pod's own /run has from us: its files, and what its proxy needs a place for. Applications see it empty. */
export const ownFolder = '/run/heddle';

export type Pause = {
  readonly pid: number;
  /** Held open by this process as well: a pause process that somebody kills takes nothing with it. */
  readonly namespaces: Namespaces;
  /** Resolves when it has ended. Namespaces last as long as a process is in them. */
  readonly end: () => Promise<void>;
};

/** How the namespaces get their end of the cable: `pid` is in them already. */
export type Plug = (pid: number) => Promise<Result<undefined, string>>;

/** It takes some 20 ms; a mount or a module of the kernel that hangs must not hold up the mesh for ever. */
const longestStartMs = 30_000;

/** The failure is what the first program that failed said about it, or that `limit` has come before the end. */
export async function startPause(
  settings: PauseSettings,
  plug: Plug,
  limit: AbortSignal = AbortSignal.timeout(longestStartMs),
): Promise<Result<Pause, string>> {
  let child: PauseProcess;
  try {
    child = spawnPause(settings);
  } catch (error) {
    return failed(whyNotSpawned(error));
  }
  const talk = new PauseTalk(child, limit);
  const { pid } = child;
  if (pid === undefined) {
    await talk.ended;
    return failed(talk.complaint);
  }
  const descriptors: number[] = [];
  const made = await openNamespaces(pid, child, talk, plug, descriptors).catch(reasonOf);
  if (made !== undefined) {
    for (const descriptor of descriptors) closeSync(descriptor);
    child.stdin.end();
    child.kill('SIGKILL');
    await talk.ended;
    return failed(made);
  }
  child.stdout.destroy();
  child.stderr.destroy();
  const [mount = '', applicationMount = '', net = '', uts = ''] = descriptors.map((descriptor) => `/proc/${process.pid}/fd/${descriptor}`);
  return ok({
    pid,
    namespaces: { net, mount, applicationMount, uts },
    end: async () => {
      for (const descriptor of descriptors.splice(0)) closeSync(descriptor);
      child.stdin.end();
      await talk.ended;
    },
  });
}

type PauseProcess = ReturnType<typeof spawnPause>;

/** Detached: Ctrl-C on the terminal must not reach it. Throws what Node tells at once. */
function spawnPause(settings: PauseSettings) {
  const args = ['--net', '--mount', '--uts', '--', '/bin/sh', '-c', pauseScript(settings)];
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
  return spawn(settings.programs.unshare, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true, env });
}

/** The script is an argument, and what the user wrote is in it. */
function whyNotSpawned(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ERR_INVALID_ARG_VALUE') return 'there is a NUL character in its hostname, dnsConfig or hostAliases';
  if (code === 'E2BIG') return 'its rules and files are longer than this system takes: are there so many ranges in its annotations?';
  return reasonOf(error);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Fills `descriptors`: mount of the pod, mount of applications, net, uts. Undefined when the script has done all of it, else what went wrong. */
async function openNamespaces(pid: number, child: PauseProcess, talk: PauseTalk, plug: Plug, descriptors: number[]): Promise<string | undefined> {
  const open = (name: string): void => void descriptors.push(openSync(`/proc/${pid}/ns/${name}`, 'r'));
  if (!(await talk.hears('made'))) return talk.complaint;
  const plugged = await plug(pid);
  if (!plugged.ok) return plugged.error;
  // Before it leaves it for that of applications.
  open('mnt');
  child.stdin.write('plugged\n');
  if (!(await talk.hears('ready'))) return talk.complaint;
  for (const name of ['mnt', 'net', 'uts']) open(name);
  return undefined;
}

/** What the script says, line by line. */
class PauseTalk {
  readonly ended: Promise<void>;
  #said = '';
  #errors = '';
  #hasEnded = false;
  readonly #limit: AbortSignal;
  #look = (): void => {};

  constructor(child: ChildProcess, limit: AbortSignal) {
    this.#limit = limit;
    limit.addEventListener('abort', () => this.#look(), { once: true });
    child.stdin?.on('error', () => {}); // a script that is gone is noticed by its end
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#said += text;
      this.#look();
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#errors += text));
    this.ended = new Promise((resolve) => {
      const end = (): void => {
        this.#hasEnded = true;
        this.#look();
        resolve();
      };
      child.once('error', (error) => {
        this.#errors += error.message;
        end();
      });
      child.once('close', end);
    });
  }

  get complaint(): string {
    const said = this.#errors.trim().split('\n').slice(-3).join('; ');
    if (said !== '') return said;
    return this.#limit.aborted ? 'it was not made in time: does a mount or a program of this machine hang?' : 'it ended without a word';
  }

  hears(word: string): Promise<boolean> {
    return new Promise((resolve) => {
      this.#look = () => {
        if (this.#said.split('\n').includes(word)) resolve(true);
        else if (this.#hasEnded || this.#limit.aborted) resolve(false);
      };
      this.#look();
    });
  }
}

/** POSIX shell; few programs, since each costs a millisecond or more. What comes from users is quoted. */
function pauseScript({ programs, files, addresses, ipv6, rules, ipv6Rules, run, hidden }: PauseSettings): string {
  const { pod, proxy, node } = addresses;
  const own = ownFolder;
  const bind = (file: string, place: string | undefined): string =>
    place === undefined ? '' : `${quote(programs.mount)} --bind ${own}/${file} ${quote(place)}`;
  const folders = run.folders.map((name) => quote(`/run/${name}`)).join(' ');
  return `
set -e
trap '' HUP INT TERM
umask 022
${quote(programs.hostname)} ${quote(files.hostname)}
${quote(programs.mount)} -t tmpfs -o mode=1777 tmpfs /run
mkdir ${own}
${folders === '' ? '' : `mkdir -m 1777 ${folders}`}
${run.links.map(({ name, target }) => `ln -s ${quote(target)} ${quote(`/run/${name}`)}`).join('\n')}
printf %s ${quote(files.resolv)} > ${own}/resolv.conf
printf %s ${quote(files.hosts)} > ${own}/hosts
printf '%s\\n' ${quote(files.hostname)} > ${own}/hostname
${run.nameSwitch === undefined ? '' : `printf %s ${quote(run.nameSwitch.text)} > ${own}/nsswitch.conf\n${bind('nsswitch.conf', run.nameSwitch.place)}`}
${bindResolv(run.resolv, bind)}
${bind('hosts', run.hosts)}
${bind('hostname', run.hostname)}
echo made
read -r _
${ipv6Setting(ipv6 !== undefined)}
${quote(programs.ip)} -batch - <<'IP'
link set lo up
addr add ${pod}/32 dev eth0
addr add ${proxy}/32 dev eth0
link set eth0 up
route add ${node} dev eth0 src ${pod}
route add default via ${node} dev eth0 src ${pod}
${ipv6 === undefined ? '' : ipv6Commands(ipv6)}IP
echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start
echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet
${softSettings()}
${writeRules(programs.rules, rules)}
${ipv6Rules === undefined ? '' : writeRules({ ...programs.rules, path: ip6tablesOf(programs.rules.path) }, ipv6Rules)}
exec ${quote(programs.unshare)} --mount -- /bin/sh -c ${quote(hideScript(programs, [...hidden, own]))}
`;
}

/** No address but those that are captured: not one that the kernel makes itself, either. */
function ipv6Setting(isWanted: boolean): string {
  const folder = '/proc/sys/net/ipv6/conf/eth0';
  return isWanted ? `echo 0 > ${folder}/disable_ipv6\necho 1 > ${folder}/addr_gen_mode` : `test ! -e ${folder} || echo 1 > ${folder}/disable_ipv6`;
}

/** ::6 is what a proxy calls its own application from. The proxy's address comes first, so that the pod's, the newer one, is what others are called from. */
function ipv6Commands({ pod, proxy, node }: PauseAddresses): string {
  return `addr add ::6/128 dev lo nodad
addr add ${proxy}/128 dev eth0 nodad
addr add ${pod}/128 dev eth0 nodad
route add ::/0 via ${node} dev eth0 src ${pod} onlink
`;
}

/** The rest of it, in the mount namespace of applications: over each folder lies an empty one that takes nothing. */
function hideScript({ mount }: NetnsPrograms, hidden: readonly string[]): string {
  const cover = (folder: string): string => `${quote(mount)} -t tmpfs -o ro,nosuid,nodev,noexec,size=4k,mode=555 tmpfs ${quote(folder)}`;
  return `
set -e
trap '' HUP INT TERM
${hidden.map(cover).join('\n')}
echo ready
# Nothing holds the terminal, or the pipes of who started us.
exec >/dev/null 2>&1
while read -r _; do :; done
`;
}

/** What makes a pod better and is not needed: not every kernel has all of it. */
function softSettings(): string {
  const settings = [
    // Everybody may ping; in a user namespace there is but one group.
    ['ipv4/ping_group_range', '0 0'],
    ['ipv4/ping_group_range', '0 2147483647'],
    // The kernel remembers each redirected connection; of short ones by the thousand it would remember too many.
    ['netfilter/nf_conntrack_tcp_timeout_time_wait', '10'],
  ] as const;
  return settings.map(([name, value]) => `(echo ${quote(value)} > /proc/sys/net/${name}) 2>/dev/null || :`).join('\n');
}

/** Where resolv.conf is a link into /run, it is what lies there now. */
function bindResolv(resolv: string, bind: (file: string, place: string) => string): string {
  if (!resolv.startsWith('/run/')) return bind('resolv.conf', resolv);
  const folder = resolv.slice(0, resolv.lastIndexOf('/'));
  return `mkdir -p ${quote(folder)}\ncp ${ownFolder}/resolv.conf ${quote(resolv)}`;
}

function writeRules({ kind, path }: RulesProgram, text: string): string {
  const command = kind === 'nft' ? `${quote(path)} -f -` : `${quote(path)} --noflush`;
  return `${command} <<'RULES'\n${text}RULES`;
}
