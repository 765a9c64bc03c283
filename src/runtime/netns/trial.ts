// One try of all that a pod needs, in namespaces that are let go of at once. Out: which program writes the rules, or the first thing that this machine refused.
import { spawn } from 'node:child_process';
import { failed, ok, type Result } from '#base/result.ts';
import { quote } from '#runtime/netns/shell-word.ts';

export type RulesProgram = { readonly kind: 'nft' | 'iptables-restore'; readonly path: string };

/** By their whole path; of those that write rules all that there are, the best one first. */
export type TriedPrograms = { readonly unshare: string; readonly ip: string; readonly mount: string; readonly rules: readonly RulesProgram[] };

/** In the order in which they are tried. */
const steps = ['unshare', 'ip', 'settings', 'mount', 'user', 'ipv6', 'rules'] as const;

/** What was tried when it failed, and the last line that was said about it. */
export type FailedStep = { readonly step: (typeof steps)[number]; readonly said: string };

const nftTrial = (family: string): string =>
  `table ${family} heddle { chain o { type nat hook output priority -100; meta l4proto tcp redirect to :15001; }; }`;
const iptablesTrial = '*nat\\n:HEDDLE - [0:0]\\n-A HEDDLE -p tcp -j REDIRECT --to-ports 15001\\nCOMMIT\\n';

/** Takes some 30 ms. `isRoot`: without a user namespace; `wantsIpv6`: the same of IPv6. */
export async function tryNamespaces(
  isRoot: boolean,
  { unshare, ip, mount, rules }: TriedPrograms,
  wantsIpv6 = false,
): Promise<Result<RulesProgram, FailedStep>> {
  const script = `
echo did unshare
${quote(ip)} link set lo up && ${quote(ip)} link add heddle0 type veth peer name heddle1 || exit 1
echo did ip
echo 1 > /proc/sys/net/ipv4/ip_forward || exit 1
echo did settings
${quote(mount)} -t tmpfs tmpfs /run || exit 1
echo did mount
${isRoot ? '' : `${quote(unshare)} --user --map-user=1 --map-group=1 -- true || exit 1`}
echo did user
${wantsIpv6 ? 'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding || exit 1' : ''}
echo did ipv6
${rules.map((program) => writeTrial(program, wantsIpv6)).join('\n')}
exit 1`;
  const args = [...(isRoot ? [] : ['--user', '--map-root-user']), '--net', '--mount', '--uts', '--', '/bin/sh', '-c', script];
  const { said, errors } = await run(unshare, args);
  const did = [...said.matchAll(/^did (.+)$/gm)].map(([, name = '']) => name);
  const found = rules.find(({ kind }) => did.includes(kind));
  if (found !== undefined) return ok(found);
  const step = steps.find((name) => !did.includes(name)) ?? 'rules';
  return failed({ step, said: errors.trim().split('\n').at(-1) ?? '' });
}

function writeTrial({ kind, path }: RulesProgram, wantsIpv6: boolean): string {
  const families = wantsIpv6 ? (['ip', 'ip6'] as const) : (['ip'] as const);
  const writes = families.map((family) =>
    kind === 'nft'
      ? `echo '${nftTrial(family)}' | ${quote(path)} -f -`
      : `printf '${iptablesTrial}' | ${quote(family === 'ip' ? path : ip6tablesOf(path))}`,
  );
  return `${writes.join(' && ')} && echo did ${kind} && exit 0`;
}

/** The same program for IPv6, which stands beside it. */
export function ip6tablesOf(path: string): string {
  return path.replace(/iptables-restore$/, 'ip6tables-restore');
}

function run(command: string, args: readonly string[]): Promise<{ readonly said: string; readonly errors: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 10_000 });
    let said = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    child.once('error', (error) => resolve({ said: '', errors: error.message }));
    child.once('close', () => resolve({ said, errors }));
  });
}
