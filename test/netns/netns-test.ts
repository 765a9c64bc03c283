// Tests that need network namespaces. Out: what makes one for a program, or a skip that says why this machine gives none. In CI that is a failure.
import { spawnSync } from 'node:child_process';
import { type TestContext, test } from 'node:test';

/** As an ordinary user gets them; everything in it ends with the program. */
const outer = ['unshare', '--user', '--map-root-user', '--net', '--mount', '--uts', '--kill-child', '--'] as const;

/** A `node:test` test that gets the words that stand before a program, so that it runs in namespaces of its own. */
export function netnsTest(name: string, run: (outer: readonly string[], context: TestContext) => Promise<void>): void {
  const missing = whyNot();
  if (missing === undefined) void test(name, (context) => run(outer, context));
  else if (process.env['CI'] !== undefined && process.env['CI'] !== '') {
    void test(name, () => {
      throw new Error(`no network namespaces in CI: ${missing}`);
    });
  } else void test(name, { skip: `needs network namespaces and nft: ${missing}` }, () => {});
}

/** Undefined: this machine gives network namespaces, and rules in them. */
function whyNot(): string | undefined {
  const rule = 'table ip try { chain o { type nat hook output priority -100; meta l4proto tcp redirect to :1; }; }';
  const [command, ...args] = outer;
  const tried = spawnSync(command, [...args, 'sh', '-c', `ip link add heddle0 type bridge && nft '${rule}'`], { encoding: 'utf8' });
  if (tried.error !== undefined) return tried.error.message;
  return tried.status === 0 ? undefined : tried.stderr.trim().split('\n').at(-1) || 'unshare failed';
}
