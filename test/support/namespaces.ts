// Tests that make network namespaces. Out: the ways in which this user may, each tried out; where there is none, one test that is skipped with the reason,
// and fails in CI, where it can always be had.
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { canNetns, type NetnsMeans, outerCommand } from '#runtime/netns/availability.ts';

export type WayIntoNamespaces = {
  readonly name: 'as root' | 'without root';
  /** What stands before a command so that it runs as the user of this way. */
  readonly as: readonly string[];
  /** What stands before a program so that it runs in namespaces of its own. */
  readonly outer: readonly string[];
  readonly means: NetnsMeans;
  readonly user: { readonly uid: number; readonly gid: number };
};

/** As `nobody`: whoever is root can be that. */
const nobody = { uid: 65_534, gid: 65_534 };

const found = await findWays();

/** `what` is tested with each of them. */
export function waysIntoNamespaces(what: string): readonly WayIntoNamespaces[] {
  if (found.ways.length === 0) {
    const name = `${what} in namespaces`;
    const reason = `needs network namespaces: ${found.reason}`;
    const isCi = process.env['CI'] !== undefined && process.env['CI'] !== '';
    void test(name, isCi ? {} : { skip: reason }, () => {
      throw new Error(reason);
    });
  }
  return found.ways;
}

async function findWays(): Promise<{ readonly ways: readonly WayIntoNamespaces[]; readonly reason: string }> {
  const own = await canNetns({ environment: process.env });
  if (!own.ok) return { ways: [], reason: `${own.error.message}; ${own.error.hint}` };
  const [uid = 0, gid = 0] = [process.getuid?.(), process.getgid?.()];
  const way = (name: WayIntoNamespaces['name'], as: readonly string[], means: NetnsMeans, user: WayIntoNamespaces['user']): WayIntoNamespaces => ({
    name,
    as,
    outer: outerCommand(means),
    means,
    user,
  });
  if (uid !== 0) return { ways: [way('without root', [], own.value, { uid, gid })], reason: '' };
  const ways = [way('as root', [], own.value, { uid, gid })];
  const as = ['setpriv', `--reuid=${nobody.uid}`, `--regid=${nobody.gid}`, '--clear-groups', '--'] as const;
  const unprivileged: NetnsMeans = { ...own.value, isRoot: false };
  const [command, ...rest] = [...as, ...outerCommand(unprivileged), 'true'];
  const tried = spawnSync(command, rest, { stdio: 'ignore' });
  if (tried.status === 0) ways.push(way('without root', as, unprivileged, nobody));
  else process.stderr.write('\n*** tests WITHOUT ROOT left out: this machine lets nobody but root make namespaces ***\n');
  return { ways, reason: '' };
}
